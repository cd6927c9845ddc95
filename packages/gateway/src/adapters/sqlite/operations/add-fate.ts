import type { StreamKey } from '@fieldpost/protocol';
import type Database from 'better-sqlite3';
import type { NumberedFate } from '../../../ports/gateway-store.ts';
import type { Symbols } from '../symbols.ts';

/** Notes that a number of a stream did not become a message. Written once: a second fate is a `conflict`. */
export type AddFate = (kind: 'refuse' | 'skip', stream: StreamKey, fate: NumberedFate) => void;

export function prepareAddFate(database: Database.Database, symbols: Symbols): AddFate {
  const insert = database.prepare(
    'INSERT INTO fates (epoch, queue, priority, number, kind, id, code) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );

  return (kind, stream, fate) => {
    const epoch = symbols.intern('epoch', stream.epoch);
    const queue = symbols.intern('queue', stream.queue);
    insert.run(epoch, queue, stream.priority, fate.number, kind, fate.id, fate.code);
  };
}
