import type Database from 'better-sqlite3';
import { StoreError } from '../../../core/store-error.ts';
import type { Change } from '../../../ports/gateway-store.ts';
import type { QueueStates } from '../queue-states.ts';

/**
 * Deletes a queue with its subqueues: with its row it is gone for everybody. Its messages, holds and producers' ids are left to the sweeper,
 * because a queue of millions of them would hold up every other call; when it was deleted is noted for the notices of their fates. Fails with `queue-not-found`, and with
 * `queue-not-empty` when it was to be deleted only if empty.
 */
export type DeleteQueue = (change: Extract<Change, { type: 'delete-queue' }>) => void;

export function prepareDeleteQueue(database: Database.Database, queues: QueueStates): DeleteQueue {
  const deleteRow = database.prepare('DELETE FROM queues WHERE number = ?');
  const note = database.prepare<[number, number]>(
    `INSERT INTO deleted_queues (queue, deleted_at) VALUES (?, ?)
     ON CONFLICT (queue) DO UPDATE SET deleted_at = excluded.deleted_at`,
  );

  return ({ name, ifEmpty, at }) => {
    const all = [queues.get(name), ...queues.subqueuesOf(name)];
    const messages = all.reduce((sum, queue) => sum + queue.messages, 0);
    if (ifEmpty === true && messages > 0) {
      throw new StoreError('queue-not-empty', `queue "${name}" and its subqueues hold ${messages} messages`);
    }
    for (const { number } of all) {
      deleteRow.run(number);
      note.run(number, at);
    }
    queues.forget(name);
  };
}
