import { invariant } from '@fieldpost/protocol';
import { leaseTerms } from '../../../core/failed-delivery.ts';
import { HEAD_BYTES } from '../../../core/message-head.ts';
import { placeOfKey, queueEnd, queueStart } from '../../../core/message-key.ts';
import { formatReceipt } from '../../../core/receipt.ts';
import type { LeasedMessage, ReceiveRequest } from '../../../ports/gateway-store.ts';
import { bigintArray } from '../binary-array.ts';
import type { Statement } from '../connection.ts';
import { LAST_LEASE, putDues } from '../dues.ts';
import type { QueueState } from '../queue-rows.ts';
import type { QueueWork } from '../queue-work.ts';
import { safeText } from '../safe-text.ts';
import { MESSAGE_COLUMNS, type MessageColumns, storedMessage } from '../stored-message.ts';
import { inOrder } from '../transaction.ts';

/**
 * The first visible messages in queue order, but those that other transactions have locked. What has run out and is not
 * ended yet is not handed out.
 */
export const FIND_VISIBLE: Statement = {
  name: 'receive-find',
  text: `SELECT messages.key, octet_length(head) + octet_length(body) - ${HEAD_BYTES} AS bytes, coalesce(deliveries, 0) AS deliveries
         FROM fieldpost.messages LEFT JOIN fieldpost.holds ON holds.key = messages.key
         WHERE messages.key >= $1 AND messages.key < $2 AND (holds.visible_at IS NULL OR holds.visible_at <= $3)
           AND NOT EXISTS (SELECT FROM fieldpost.dues WHERE dues.key = messages.key AND dues.at <= $3)
         ORDER BY messages.key LIMIT $4 FOR UPDATE OF messages SKIP LOCKED`,
};
/**
 * Leases messages that are locked. The lock alone is not enough: another transaction may have leased one and committed
 * between the look and the lock, so the hold is compared with what was seen.
 */
export const LEASE: Statement = {
  name: 'receive-lease',
  text: `WITH leased AS (
           INSERT INTO fieldpost.holds (key, until, visible_at, token, deliveries, consumer)
           SELECT key, $3, visible_at, token, deliveries, $6
           FROM unnest($1::bigint[], $2::bigint[], $4::text[], $5::integer[]) AS new (key, visible_at, token, deliveries)
           ON CONFLICT (key) DO UPDATE SET until = excluded.until, visible_at = excluded.visible_at, token = excluded.token,
             deliveries = excluded.deliveries, consumer = excluded.consumer
           WHERE holds.visible_at <= $7 AND holds.deliveries = excluded.deliveries - 1
           RETURNING key, token, deliveries)
         SELECT ${MESSAGE_COLUMNS}, body, leased.token, leased.deliveries, stories.story
         FROM leased JOIN fieldpost.messages ON messages.key = leased.key
         LEFT JOIN fieldpost.stories ON stories.key = leased.key ORDER BY messages.key`,
};

interface VisibleRow {
  readonly key: number;
  readonly bytes: number;
  readonly deliveries: number;
}

type LeasedRow = MessageColumns & { readonly token: string; readonly deliveries: number };

/** How often it is looked again when other gateways were faster. */
const LOOKS_MAX = 5;

/** Leases the first visible messages of a queue. Fails with `queue-not-found`. */
export async function receive(work: QueueWork, request: ReceiveRequest): Promise<readonly LeasedMessage[]> {
  const { max, leaseTokens } = request;
  if (max === 0) return [];
  invariant(leaseTokens.length >= max, `${max} leases need as many tokens, not ${leaseTokens.length}`);
  await work.queues.read([request.queue]);
  const queue = work.queues.findOrEmpty(request.queue);
  if (queue === undefined || queue.row.receivingPaused) return [];
  for (let look = 1; ; look++) {
    const chosen = await choose(work, queue, request);
    const leased = await lease(work, queue, request, chosen);
    if (leased.length > 0 || chosen.length === 0 || look === LOOKS_MAX) return leased;
  }
}

/** No more messages than the bytes allow, and one at least. */
async function choose(
  work: QueueWork,
  queue: QueueState,
  { max, now, bytesMax = Number.POSITIVE_INFINITY }: ReceiveRequest,
): Promise<readonly VisibleRow[]> {
  const range = [queueStart(queue.number), queueEnd(queue.number)] as const;
  const visible = await work.transaction.rows<VisibleRow>(FIND_VISIBLE, [...range, now, max]);
  let bytes = 0;
  const crossing = visible.findIndex((row) => (bytes += row.bytes) >= bytesMax);
  return crossing < 0 ? visible : visible.slice(0, crossing + 1);
}

async function lease(
  work: QueueWork,
  queue: QueueState,
  { leaseMs, now, leaseTokens, consumer }: ReceiveRequest,
  chosen: readonly VisibleRow[],
): Promise<readonly LeasedMessage[]> {
  if (chosen.length === 0) return [];
  const leasedUntil = now + leaseMs;
  const terms = chosen.map(({ deliveries }) => leaseTerms(queue.row, deliveries + 1, leasedUntil));
  const leasing = work.transaction.rows<LeasedRow>(LEASE, [
    bigintArray(chosen.map(({ key }) => key)),
    bigintArray(terms.map(({ visibleAt }) => visibleAt)),
    leasedUntil,
    leaseTokens.slice(0, chosen.length),
    chosen.map(({ deliveries }) => deliveries + 1),
    consumer === undefined ? null : safeText(consumer),
    now,
  ]);
  const ends = new Map<number, number>();
  const rows = await leasing;
  const taken = new Set(rows.map(({ key }) => key));
  for (const [index, { key }] of chosen.entries()) {
    const endsAt = terms[index]?.endsAt;
    if (endsAt !== undefined && taken.has(key)) ends.set(key, endsAt);
  }
  await inOrder(putDues(work.transaction, LAST_LEASE, ends));
  return rows.map((row): LeasedMessage => {
    const receipt = formatReceipt({ key: placeOfKey(row.key), token: row.token });
    return { ...storedMessage(row, row.deliveries), receipt, leasedUntil };
  });
}
