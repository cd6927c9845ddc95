import { invariant, LIMITS } from '@fieldpost/protocol';
import type Database from 'better-sqlite3';
import { formatReceipt } from '../../../core/receipt.ts';
import type { LeasedMessage, ReceiveRequest } from '../../../ports/gateway-store.ts';
import { placeOfKey, queueEnd, queueStart } from '../message-key.ts';
import type { QueueStates } from '../queue-states.ts';
import type { Symbols } from '../symbols.ts';
import { prepareInsertRows } from './insert-rows.ts';
import { contentBytes, MESSAGE_COLUMNS, type MessageColumns, storedMessage } from './stored-message.ts';

/** Leases the first visible messages of a queue. Fails with `queue-not-found`. */
export type Receive = (request: ReceiveRequest) => readonly LeasedMessage[];

type ReceiveColumns = MessageColumns & { readonly deliveries: number };

export function prepareReceive(database: Database.Database, symbols: Symbols, queues: QueueStates): Receive {
  const select = database.prepare<[number, number, number, number], ReceiveColumns>(
    `SELECT ${MESSAGE_COLUMNS}, body, checksum, coalesce(hold.deliveries, 0) AS deliveries
     FROM messages AS message LEFT JOIN holds AS hold ON hold.key = message.key
     WHERE message.key >= ? AND message.key < ? AND (hold.until IS NULL OR hold.until <= ?)
     ORDER BY message.key LIMIT ?`,
  );
  const selectFirstEnd = database.prepare<[number, number, number], { until: number | null }>(
    'SELECT min(until) AS until FROM holds WHERE key >= ? AND key < ? AND until > ?',
  );
  const hold = prepareInsertRows(
    database,
    'INSERT OR REPLACE INTO holds (key, until, token, deliveries, bytes)',
    5,
  );

  /** Selects in slices that fit into what is left of the bytes, so that no more of them is ever in memory. */
  const selectUpTo = (
    { max, now, bytesMax = Number.POSITIVE_INFINITY }: ReceiveRequest,
    start: number,
    end: number,
  ): { readonly rows: readonly ReceiveColumns[]; readonly isCut: boolean } => {
    const rows: ReceiveColumns[] = [];
    let bytes = 0;
    for (let from = start; ;) {
      const fitting = Math.max(1, Math.floor((bytesMax - bytes) / LIMITS.bodyBytesMax));
      const sliceMax = Math.min(max - rows.length, fitting);
      const slice = select.all(from, end, now, sliceMax);
      rows.push(...slice);
      for (const row of slice) bytes += contentBytes(row);
      const last = slice.at(-1);
      if (slice.length < sliceMax || last === undefined) return { rows, isCut: false };
      if (rows.length === max || bytes >= bytesMax) return { rows, isCut: true };
      from = last.key + 1;
    }
  };

  return (request) => {
    const { max, now, leaseTokens } = request;
    if (max === 0) return [];
    invariant(leaseTokens.length >= max, `${max} leases need as many tokens, not ${leaseTokens.length}`);
    const queue = queues.get(request.queue);
    const leasedUntil = now + request.leaseMs;
    const knowsPrefix = now < queue.prefix.until;
    const start = knowsPrefix ? queue.prefix.end : queueStart(queue.number);

    const { rows, isCut } = selectUpTo(request, start, queueEnd(queue.number));
    const holds: unknown[] = [];
    const leased = rows.map((row, index): LeasedMessage => {
      const token = leaseTokens[index] ?? '';
      const deliveryCount = row.deliveries + 1;
      holds.push(row.key, leasedUntil, token, deliveryCount, contentBytes(row));
      const receipt = formatReceipt({ key: placeOfKey(row.key), token });
      return { ...storedMessage(row, deliveryCount, symbols), receipt, leasedUntil };
    });
    hold(holds);

    // Everything the scan passed is held now: what it skipped, and what it leased.
    const lastKey = rows.at(-1)?.key;
    const end = !isCut || lastKey === undefined ? queueEnd(queue.number) : lastKey + 1;
    const skippedUntil = selectFirstEnd.get(start, end, now)?.until ?? Number.POSITIVE_INFINITY;
    const passedUntil = rows.length > 0 ? Math.min(skippedUntil, leasedUntil) : skippedUntil;
    queue.prefix.until = knowsPrefix ? Math.min(queue.prefix.until, passedUntil) : passedUntil;
    queue.prefix.end = end;
    if (leased.length > 0) queue.held = undefined;
    return leased;
  };
}
