import type Database from 'better-sqlite3';
import type { DeviceRow } from '../../../ports/gateway-store.ts';
import type { Symbols } from '../symbols.ts';

export type PutDevice = (row: DeviceRow) => void;

export function preparePutDevice(database: Database.Database, symbols: Symbols): PutDevice {
  const upsert = database.prepare(
    `INSERT INTO devices (device, subject, session_number, session_nonce, revoked, client,
                          first_seen_at, last_seen_at, waiting_messages,
                          opening, parent_number, parent_nonce, forks, forked_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (device) DO UPDATE SET
       subject = excluded.subject, session_number = excluded.session_number, session_nonce = excluded.session_nonce,
       revoked = excluded.revoked, client = excluded.client, first_seen_at = excluded.first_seen_at,
       last_seen_at = excluded.last_seen_at, waiting_messages = excluded.waiting_messages,
       opening = excluded.opening, parent_number = excluded.parent_number, parent_nonce = excluded.parent_nonce, forks = excluded.forks,
       forked_at = excluded.forked_at`,
  );

  return (row) => {
    upsert.run(
      symbols.intern('device', row.device),
      row.subject,
      row.session.number,
      row.session.nonce,
      row.revoked ? 1 : 0,
      row.client,
      row.firstSeenAt,
      row.lastSeenAt,
      row.waitingMessages,
      row.opening,
      row.parentSession?.number ?? null,
      row.parentSession?.nonce ?? null,
      row.forks,
      row.forkedAt ?? null,
    );
  };
}
