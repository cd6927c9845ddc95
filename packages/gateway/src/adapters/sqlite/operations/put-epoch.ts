import type Database from 'better-sqlite3';
import type { EpochRow } from '../../../ports/gateway-store.ts';
import type { Symbols } from '../symbols.ts';

export type PutEpoch = (row: EpochRow) => void;

export function preparePutEpoch(database: Database.Database, symbols: Symbols): PutEpoch {
  const upsert = database.prepare(
    `INSERT INTO epochs (epoch, subject, closed_at) VALUES (?, ?, ?)
     ON CONFLICT (epoch) DO UPDATE SET subject = excluded.subject, closed_at = excluded.closed_at`,
  );

  return (row) => {
    upsert.run(symbols.intern('epoch', row.epoch), row.subject, row.closedAt ?? null);
  };
}
