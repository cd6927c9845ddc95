import { join } from 'node:path';
import Database from 'better-sqlite3';

/** What a stopped gateway's own store says of a queue, counted without any consumer. */
export interface GatewayTotals {
  /** Messages that ever came into the queue. */
  readonly arrivals: number;
  /** Numbers accepted of devices' streams, less those that became no message. */
  readonly acceptedNumbers: number;
  /** Messages still in it. */
  readonly left: number;
}

export function readGatewayTotals(dataDir: string, queue: string): GatewayTotals {
  const database = new Database(join(dataDir, 'fieldpost.sqlite'), { readonly: true });
  const count = (sql: string): number => {
    const value: unknown = database.prepare(sql).pluck().get({ queue });
    if (typeof value !== 'number')
      throw new Error(`the gateway's store has no queue ${queue}: ${sql} gave ${String(value)}`);
    return value;
  };
  try {
    const ofQueue = `queue = (SELECT number FROM symbols WHERE kind = 'queue' AND name = @queue)`;
    const accepted = count(`SELECT coalesce(sum(accepted), 0) FROM streams WHERE ${ofQueue}`);
    const fates = count(`SELECT count(*) FROM fates WHERE ${ofQueue}`);
    return {
      arrivals: count('SELECT arrivals FROM queues WHERE name = @queue'),
      acceptedNumbers: accepted - fates,
      left: count('SELECT messages FROM queues WHERE name = @queue'),
    };
  } finally {
    database.close();
  }
}
