import { bytesFromUuid } from '@fieldpost/protocol';
import type Database from 'better-sqlite3';
import { StoreError } from '../../../core/store-error.ts';
import type { Change } from '../../../ports/gateway-store.ts';
import { streamChecksum } from '../row-checksum.ts';
import type { Symbols } from '../symbols.ts';

/** Compare-and-set of a stream's high-water mark: what keeps every message single. */
export type Advance = (change: Extract<Change, { type: 'advance' }>) => void;

export function prepareAdvance(database: Database.Database, symbols: Symbols): Advance {
  const update = database.prepare(
    `UPDATE streams SET accepted = ?, accepted_id = ?, checksum = ?
     WHERE epoch = ? AND queue = ? AND priority = ? AND accepted = ?`,
  );
  const insert = database.prepare(
    `INSERT INTO streams (epoch, queue, priority, accepted, accepted_id, checksum) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT DO NOTHING`,
  );

  return ({ stream, from, to, id }) => {
    const epoch = symbols.intern('epoch', stream.epoch);
    const queue = symbols.intern('queue', stream.queue);
    const acceptedId = bytesFromUuid(id);
    const checksum = streamChecksum([epoch, queue, stream.priority, to], acceptedId);
    const result =
      from === 0
        ? insert.run(epoch, queue, stream.priority, to, acceptedId, checksum)
        : update.run(to, acceptedId, checksum, epoch, queue, stream.priority, from);
    if (result.changes === 1) return;
    throw new StoreError(
      'conflict',
      `stream (${stream.epoch}, ${stream.queue}, ${stream.priority}) does not stand at ${from}: decide on a fresh snapshot`,
    );
  };
}
