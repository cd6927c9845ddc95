import type Database from 'better-sqlite3';
import { queueEnd, QUEUES_MAX, queueStart } from '../../../core/message-key.ts';
import { settingsText } from '../../../core/queue-settings.ts';
import { StoreError } from '../../../core/store-error.ts';
import type { QueueRow } from '../../../ports/gateway-store.ts';
import type { QueueStates } from '../queue-states.ts';

/** Creates a queue or changes its properties. */
export type PutQueue = (row: QueueRow) => void;

export function preparePutQueue(database: Database.Database, queues: QueueStates): PutQueue {
  const update = database.prepare(
    'UPDATE queues SET max_body_bytes = ?, created_at = ?, settings = ? WHERE name = ?',
  );
  const insert = database.prepare(
    `INSERT INTO queues (number, name, max_body_bytes, created_at, settings, arrivals, messages, bytes)
     VALUES (?, ?, ?, ?, ?, 0, 0, 0)`,
  );
  const freeNumber = prepareFreeNumber(database);

  return (row) => {
    queues.forget(row.name);
    const settings = settingsText(row);
    if (update.run(row.maxBodyBytes, row.createdAt, settings, row.name).changes === 1) return;
    const number = freeNumber();
    if (number === undefined) {
      throw new StoreError(
        'quota-exceeded',
        `queue "${row.name}": the store holds ${QUEUES_MAX} queues already; delete one first`,
      );
    }
    insert.run(number, row.name, row.maxBodyBytes, row.createdAt, settings);
  };
}

/**
 * A number that no queue has, and no row of a deleted queue that is still being emptied. Numbers of deleted queues are
 * given again only when the others are used up.
 */
function prepareFreeNumber(database: Database.Database): () => number | undefined {
  const findLast = database.prepare<[], number | null>('SELECT max(number) FROM queues').pluck();
  const isTaken = database
    .prepare<[number, number, number, number], number>(
      `SELECT EXISTS (SELECT 1 FROM queues WHERE number = ?)
         OR EXISTS (SELECT 1 FROM messages WHERE key >= ? AND key < ?)
         OR EXISTS (SELECT 1 FROM sends WHERE queue = ?)`,
    )
    .pluck();
  const isFree = (number: number): boolean =>
    isTaken.get(number, queueStart(number), queueEnd(number), number) === 0;
  return () => {
    const last = findLast.get() ?? -1;
    for (let number = last + 1; number < QUEUES_MAX; number++) if (isFree(number)) return number;
    for (let number = 0; number < last; number++) if (isFree(number)) return number;
    return undefined;
  };
}
