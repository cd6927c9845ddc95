import type Database from 'better-sqlite3';
import type { SendRow } from '../../../ports/gateway-store.ts';
import type { QueueStates } from '../queue-states.ts';

/** Remembers a server-side producer's id. Fails with `queue-not-found`. */
export type PutSend = (queue: string, row: SendRow) => void;

export function preparePutSend(database: Database.Database, queues: QueueStates): PutSend {
  const upsert = database.prepare(
    `INSERT INTO sends (queue, id, content_hash, sent_at) VALUES (?, ?, ?, ?)
     ON CONFLICT (queue, id) DO UPDATE SET content_hash = excluded.content_hash, sent_at = excluded.sent_at`,
  );

  return (queue, row) => {
    upsert.run(queues.get(queue).number, row.id, row.contentHash, row.sentAt);
  };
}
