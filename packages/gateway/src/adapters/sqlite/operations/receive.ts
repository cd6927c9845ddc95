import { invariant, LIMITS } from '@fieldpost/protocol';
import type Database from 'better-sqlite3';
import { leaseTerms } from '../../../core/failed-delivery.ts';
import { HEAD_BYTES } from '../../../core/message-head.ts';
import { placeOfKey, queueEnd, queueStart } from '../../../core/message-key.ts';
import { NEVER } from '../../../core/never.ts';
import { formatReceipt } from '../../../core/receipt.ts';
import type { LeasedMessage, ReceiveRequest } from '../../../ports/gateway-store.ts';
import type { Dues } from '../dues.ts';
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

    const { rows, isCut } = selectUpTo(request, start, queueEnd(queue.number), queue.bytes);
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
  /** Of the whole queue. */
  queueBytes: number,
) => { readonly rows: readonly ReceiveColumns[]; readonly isCut: boolean };

/** Selects no more messages than the bytes allow, and one at least: where they could be too many, it measures them first. */
function prepareSelectUpTo(database: Database.Database, dues: Dues): SelectUpTo {
  const select = prepareSelect<ReceiveColumns>(database, COLUMNS);
  const measure = prepareSelect<MeasuredRow>(database, SIZE);
  // More may have run out than was swept at once: nothing of it is handed out.
  const selectUnexpired = prepareSelect<ReceiveColumns>(database, COLUMNS, UNEXPIRED);
  const measureUnexpired = prepareSelect<MeasuredRow>(database, SIZE, UNEXPIRED);
  return ({ max, now, bytesMax = Number.POSITIVE_INFINITY }, start, end, queueBytes) => {
    const isDue = dues.areAny(now);
    const bounds = isDue ? [start, end, now, now] : [start, end, now];
    let fitting = max;
    if (queueBytes > bytesMax && max * LIMITS.bodyBytesMax > bytesMax) {
      let bytes = 0;
      const sizes = (isDue ? measureUnexpired : measure).all(...bounds, max);
      const crossing = sizes.findIndex((row) => (bytes += row.bytes) >= bytesMax);
      if (crossing >= 0) fitting = crossing + 1;
    }
    const rows = (isDue ? selectUnexpired : select).all(...bounds, fitting);
    return { rows, isCut: rows.length === fitting };
  };
}

interface MeasuredRow {
  readonly bytes: number;
}

const COLUMNS = `${MESSAGE_COLUMNS}, body, checksum, coalesce(hold.deliveries, 0) AS deliveries`;
const SIZE = `length(head) + length(body) - ${HEAD_BYTES} AS bytes`;
const UNEXPIRED = 'AND NOT EXISTS (SELECT 1 FROM dues WHERE dues.key = message.key AND dues.at <= ?)';

function prepareSelect<Columns>(
  database: Database.Database,
  columns: string,
  condition = '',
): Database.Statement<number[], Columns> {
  return database.prepare(
    `SELECT ${columns}
     FROM messages AS message LEFT JOIN holds AS hold ON hold.key = message.key
     WHERE message.key >= ? AND message.key < ? AND (hold.visible_at IS NULL OR hold.visible_at <= ?) ${condition}
     ORDER BY message.key LIMIT ?`,
  );
}
