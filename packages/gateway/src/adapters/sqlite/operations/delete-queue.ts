import type Database from 'better-sqlite3';
import { queueEnd, queueStart } from '../message-key.ts';
import type { QueueStates } from '../queue-states.ts';

/** Deletes a queue with its messages, holds and producers' ids. Fails with `queue-not-found`. */
export type DeleteQueue = (name: string) => void;

export function prepareDeleteQueue(database: Database.Database, queues: QueueStates): DeleteQueue {
  const deleteMessages = database.prepare('DELETE FROM messages WHERE key >= ? AND key < ?');
  const deleteHolds = database.prepare('DELETE FROM holds WHERE key >= ? AND key < ?');
  const deleteSends = database.prepare('DELETE FROM sends WHERE queue = ?');
  const deleteRow = database.prepare('DELETE FROM queues WHERE number = ?');

  return (name) => {
    const { number } = queues.get(name);
    deleteMessages.run(queueStart(number), queueEnd(number));
    deleteHolds.run(queueStart(number), queueEnd(number));
    deleteSends.run(number);
    deleteRow.run(number);
    queues.forget(name);
  };
}
