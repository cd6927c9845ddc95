import type Database from 'better-sqlite3';
import { StoreError } from '../../../core/store-error.ts';
import type { Change } from '../../../ports/gateway-store.ts';
import { queueEnd, queueStart } from '../message-key.ts';
import type { QueueStates } from '../queue-states.ts';

/**
 * Deletes a queue with its messages, holds and producers' ids. Fails with `queue-not-found`, and with `queue-not-empty`
 * when it was to be deleted only if empty.
 */
export type DeleteQueue = (change: Extract<Change, { type: 'delete-queue' }>) => void;

export function prepareDeleteQueue(database: Database.Database, queues: QueueStates): DeleteQueue {
  const deleteMessages = database.prepare('DELETE FROM messages WHERE key >= ? AND key < ?');
  const deleteHolds = database.prepare('DELETE FROM holds WHERE key >= ? AND key < ?');
  const deleteSends = database.prepare('DELETE FROM sends WHERE queue = ?');
  const deleteRow = database.prepare('DELETE FROM queues WHERE number = ?');

  return ({ name, ifEmpty }) => {
    const { number, messages } = queues.get(name);
    if (ifEmpty === true && messages > 0) {
      throw new StoreError('queue-not-empty', `queue "${name}" holds ${messages} messages`);
    }
    deleteMessages.run(queueStart(number), queueEnd(number));
    deleteHolds.run(queueStart(number), queueEnd(number));
    deleteSends.run(number);
    deleteRow.run(number);
    queues.forget(name);
  };
}
