import { invariant, LIMITS } from '@fieldpost/protocol';
import type Database from 'better-sqlite3';
import { leaseTerms } from '../../../core/failed-delivery.ts';
import { NEVER } from '../../../core/never.ts';
import { formatReceipt } from '../../../core/receipt.ts';
import type { LeasedMessage, ReceiveRequest } from '../../../ports/gateway-store.ts';
import type { Dues } from '../dues.ts';
import { placeOfKey, queueEnd, queueStart } from '../message-key.ts';
import type { QueueStates } from '../queue-states.ts';
import type { Symbols } from '../symbols.ts';
import { prepareInsertRows } from './insert-rows.ts';
import { contentBytes, MESSAGE_COLUMNS, type MessageColumns, storedMessage } from './stored-message.ts';
import { prepareStoryOf } from './story-of.ts';

/** Leases the first visible messages of a queue. Fails with `queue-not-found`. */
export type Receive = (request: ReceiveRequest) => readonly LeasedMessage[];

type ReceiveColumns = MessageColumns & { readonly deliveries: number };

export function prepareReceive(
  database: Database.Database,
  symbols: Symbols,
  queues: QueueStates,
  dues: Dues,
): Receive {
  const selectUpTo = prepareSelectUpTo(database, dues);
  const selectFirstVisible = database.prepare<[number, number, number], { at: number | null }>(
    'SELECT min(visible_at) AS at FROM holds WHERE key >= ? AND key < ? AND visible_at > ?',
  );
  const hold = prepareInsertRows(
    database,
    'INSERT OR REPLACE INTO holds (key, until, token, deliveries, bytes, visible_at, consumer)',
    7,
  );
  const storyOf = prepareStoryOf(database);

  return (request) => {
    const { max, now, leaseTokens } = request;
    if (max === 0) return [];
    invariant(leaseTokens.length >= max, `${max} leases need as many tokens, not ${leaseTokens.length}`);
    const queue = queues.findOrEmpty(request.queue);
    if (queue === undefined || queue.row.receivingPaused) return [];
    const leasedUntil = now + request.leaseMs;
    const consumer = request.consumer === undefined ? null : symbols.intern('consumer', request.consumer);
    const knowsPrefix = now < queue.prefix.until;
    const start = knowsPrefix ? queue.prefix.end : queueStart(queue.number);

    const { rows, isCut } = selectUpTo(request, start, queueEnd(queue.number));
    const holds: unknown[] = [];
    let firstVisibleAt = NEVER;
    const leased = rows.map((row, index): LeasedMessage => {
      const { key } = row;
      const token = leaseTokens[index] ?? '';
      const deliveryCount = row.deliveries + 1;
      const { visibleAt, endsAt } = leaseTerms(queue.row, deliveryCount, leasedUntil);
      holds.push(key, leasedUntil, token, deliveryCount, contentBytes(row), visibleAt, consumer);
      if (endsAt !== undefined) dues.put(queue, { key, kind: 'last-lease', at: endsAt });
      firstVisibleAt = Math.min(firstVisibleAt, visibleAt);
      const receipt = formatReceipt({ key: placeOfKey(key), token });
      return { ...storedMessage(row, deliveryCount, symbols, storyOf(queue, key)), receipt, leasedUntil };
    });
    hold(holds);

    // Everything the scan passed is held now: what it skipped, and what it leased.
    const lastKey = rows.at(-1)?.key;
    const end = !isCut || lastKey === undefined ? queueEnd(queue.number) : lastKey + 1;
    const skippedUntil = selectFirstVisible.get(start, end, now)?.at ?? NEVER;
    const passedUntil = Math.min(skippedUntil, firstVisibleAt);
    queue.prefix.until = knowsPrefix ? Math.min(queue.prefix.until, passedUntil) : passedUntil;
    queue.prefix.end = end;
    if (leased.length > 0) queue.held = undefined;
    return leased;
  };
}

type SelectUpTo = (
  request: ReceiveRequest,
  start: number,
  end: number,
) => { readonly rows: readonly ReceiveColumns[]; readonly isCut: boolean };

/** Selects in slices that fit into what is left of the bytes, so that no more of them is ever in memory. */
function prepareSelectUpTo(database: Database.Database, dues: Dues): SelectUpTo {
  const select = prepareSelect(database, '');
  // More may have run out than was swept at once: nothing of it is handed out.
  const selectUnexpired = prepareSelect(
    database,
    'AND NOT EXISTS (SELECT 1 FROM dues WHERE dues.key = message.key AND dues.at <= ?)',
  );
  return (
    { max, now, bytesMax = Number.POSITIVE_INFINITY }: ReceiveRequest,
    start: number,
    end: number,
  ): { readonly rows: readonly ReceiveColumns[]; readonly isCut: boolean } => {
    const rows: ReceiveColumns[] = [];
    let bytes = 0;
    for (let from = start; ;) {
      const fitting = Math.max(1, Math.floor((bytesMax - bytes) / LIMITS.bodyBytesMax));
      const sliceMax = Math.min(max - rows.length, fitting);
      const slice = dues.areAny(now)
        ? selectUnexpired.all(from, end, now, now, sliceMax)
        : select.all(from, end, now, sliceMax);
      rows.push(...slice);
      for (const row of slice) bytes += contentBytes(row);
      const last = slice.at(-1);
      if (slice.length < sliceMax || last === undefined) return { rows, isCut: false };
      if (rows.length === max || bytes >= bytesMax) return { rows, isCut: true };
      from = last.key + 1;
    }
  };
}

function prepareSelect(
  database: Database.Database,
  condition: string,
): Database.Statement<number[], ReceiveColumns> {
  return database.prepare(
    `SELECT ${MESSAGE_COLUMNS}, body, checksum, coalesce(hold.deliveries, 0) AS deliveries
     FROM messages AS message LEFT JOIN holds AS hold ON hold.key = message.key
     WHERE message.key >= ? AND message.key < ? AND (hold.visible_at IS NULL OR hold.visible_at <= ?) ${condition}
     ORDER BY message.key LIMIT ?`,
  );
}
