import type Database from 'better-sqlite3';
import { StoreError } from '../../../core/store-error.ts';
import type { QueueRow } from '../../../ports/gateway-store.ts';
import { QUEUES_MAX } from '../message-key.ts';
import type { QueueStates } from '../queue-states.ts';

/** Creates a queue or changes its properties. */
export type PutQueue = (row: QueueRow) => void;

export function preparePutQueue(database: Database.Database, queues: QueueStates): PutQueue {
  const update = database.prepare('UPDATE queues SET max_body_bytes = ?, created_at = ? WHERE name = ?');
  const insert = database.prepare(
    `INSERT INTO queues (number, name, max_body_bytes, created_at, arrivals, messages, bytes) VALUES (?, ?, ?, ?, 0, 0, 0)`,
  );
  const findLast = database.prepare<[], { number: number | null }>(
    'SELECT max(number) AS number FROM queues',
  );
  const findGap = database.prepare<[], { number: number }>(
    `SELECT 0 AS number WHERE NOT EXISTS (SELECT 1 FROM queues WHERE number = 0)
     UNION ALL
     SELECT number + 1 FROM queues AS one WHERE NOT EXISTS (SELECT 1 FROM queues WHERE number = one.number + 1)
     ORDER BY number LIMIT 1`,
  );

  return (row) => {
    queues.forget(row.name);
    if (update.run(row.maxBodyBytes, row.createdAt, row.name).changes === 1) return;
    const next = (findLast.get()?.number ?? -1) + 1;
    // Numbers of deleted queues are given again only when the others are used up.
    const number = next < QUEUES_MAX ? next : (findGap.get()?.number ?? QUEUES_MAX);
    if (number >= QUEUES_MAX) {
      throw new StoreError(
        'quota-exceeded',
        `queue "${row.name}": the store holds ${QUEUES_MAX} queues already; delete one first`,
      );
    }
    insert.run(number, row.name, row.maxBodyBytes, row.createdAt);
  };
}
