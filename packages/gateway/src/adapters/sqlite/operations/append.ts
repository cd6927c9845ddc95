import type Database from 'better-sqlite3';
import type { NewMessage } from '../../../ports/gateway-store.ts';
import { arrivalsBefore, priorityStart } from '../message-key.ts';
import type { QueueState } from '../queue-states.ts';
import type { Symbols } from '../symbols.ts';
import { prepareInsertRows } from './insert-rows.ts';
import { checksumOf, headOf, sourceName } from './stored-message.ts';

/** Adds messages to the end of a queue. Returns the bytes they take there. */
export type Append = (queue: QueueState, messages: readonly NewMessage[]) => number;

export function prepareAppend(database: Database.Database, symbols: Symbols): Append {
  const insert = prepareInsertRows(
    database,
    'INSERT INTO messages (key, sent_at, arrived_at, source, number, head, body, checksum)',
    8,
  );
  const count = database.prepare('UPDATE queues SET arrivals = ?, messages = ?, bytes = ? WHERE number = ?');
  const source = prepareSource(symbols);

  return (queue, messages) => {
    const before = arrivalsBefore({ ...queue, name: queue.row.name }, messages.length);
    const values: unknown[] = [];
    let bytes = 0;
    for (const [index, message] of messages.entries()) {
      const { properties, body, sentAt, arrivedAt, origin, priority } = message;
      const key = priorityStart(queue.number, priority) + before + index + 1;
      const row = {
        key,
        sent_at: sentAt,
        arrived_at: arrivedAt,
        source: source(origin),
        number: origin?.number ?? null,
        head: headOf(message),
        body,
      };
      values.push(key, sentAt, arrivedAt, row.source, row.number, row.head, body, checksumOf(row));
      bytes += properties.length + body.length;
      if (key < queue.prefix.end) queue.prefix.end = key;
    }
    insert(values);
    queue.arrivals = before + messages.length;
    queue.messages += messages.length;
    queue.bytes += bytes;
    count.run(queue.arrivals, queue.messages, queue.bytes, queue.number);
    return bytes;
  };
}

/** The symbol of an origin's device and epoch. A run's messages share them, so the last one is at hand. */
function prepareSource(symbols: Symbols): (origin: NewMessage['origin']) => number | null {
  let last: { device: string; epoch: string; version: number; number: number } | undefined;
  return (origin) => {
    if (origin === undefined) return null;
    const { device, epoch } = origin;
    if (
      last === undefined ||
      last.device !== device ||
      last.epoch !== epoch ||
      last.version !== symbols.version
    ) {
      last = {
        device,
        epoch,
        number: symbols.intern('source', sourceName(device, epoch)),
        version: symbols.version,
      };
    }
    return last.number;
  };
}
