import { afterExpiry, afterFailedDelivery, type Outcome } from '../../../core/failed-delivery.ts';
import { queueOfKey } from '../../../core/message-key.ts';
import { bigintArray } from '../binary-array.ts';
import type { Statement } from '../connection.ts';
import { areAnyDue, EXPIRY, LAST_LEASE, putDues } from '../dues.ts';
import type { Leaving } from '../notices.ts';
import type { QueueState } from '../queue-rows.ts';
import { count, type QueueWork } from '../queue-work.ts';
import { inOrder } from '../transaction.ts';
import { deadLetter, endMessages } from './end-messages.ts';

/** Messages ended in one transaction: bounds for how long others wait. */
const BATCH = 1000;

export const FIND_DUE: Statement = {
  name: 'sweep-find',
  text: `SELECT key FROM fieldpost.dues WHERE at <= $1 ORDER BY at, key, kind LIMIT ${BATCH}`,
};
/** What another transaction has locked is its to end. */
const LOCK: Statement = {
  name: 'sweep-lock',
  text: `SELECT key FROM fieldpost.messages WHERE key = ANY($1::bigint[]) ORDER BY key FOR UPDATE SKIP LOCKED`,
};
/** Behind the lock: they may have changed since they were found. */
const READ: Statement = {
  name: 'sweep-read',
  text: `SELECT dues.key, dues.kind, until, token, deliveries
         FROM fieldpost.dues LEFT JOIN fieldpost.holds ON holds.key = dues.key
         WHERE dues.key = ANY($1::bigint[]) AND at <= $2 ORDER BY at, dues.key, kind`,
};
const REMOVE_LAST_LEASES: Statement = {
  name: 'sweep-remove-last-leases',
  text: `DELETE FROM fieldpost.dues WHERE kind = ${LAST_LEASE} AND key = ANY($1::bigint[]) AND at <= $2`,
};
/** Of messages that are no more, with their queue. */
const REMOVE_ORPHANS: Statement = {
  name: 'sweep-remove-orphans',
  text: `DELETE FROM fieldpost.dues WHERE key = ANY($1::bigint[])
           AND NOT EXISTS (SELECT FROM fieldpost.messages WHERE messages.key = dues.key)`,
};
interface DueRow {
  readonly key: number;
  readonly kind: number;
  readonly until: number | null;
  readonly token: string | null;
  readonly deliveries: number | null;
}

/** Ends what has run out by `now`, a batch of it; what has been ended for this transaction is not looked for again. */
export async function endDue(work: QueueWork, now: number): Promise<void> {
  if (now <= work.endedUpTo) return;
  work.endedUpTo = now;
  if (await areAnyDue(work.transaction, now)) await sweep(work, now);
}

/** Ends a batch of what has run out by `now`. */
export async function sweep(work: QueueWork, now: number): Promise<void> {
  const { transaction } = work;
  const found = await transaction.rows<{ key: number }>(FIND_DUE, [now]);
  if (found.length === 0) return;
  const asked = bigintArray([...new Set(found.map(({ key }) => key))]);
  const locked = await transaction.rows<{ key: number }>(LOCK, [asked]);
  const keys = locked.map(({ key }) => key);
  if (keys.length < found.length) await transaction.run(REMOVE_ORPHANS, [asked]);
  const byQueue = new Map<number, DueRow[]>();
  for (const due of await transaction.rows<DueRow>(READ, [bigintArray(keys), now])) {
    const number = queueOfKey(due.key);
    byQueue.set(number, [...(byQueue.get(number) ?? []), due]);
  }
  await transaction.run(REMOVE_LAST_LEASES, [bigintArray(keys), now]);
  for (const [number, queue] of await work.queues.withNumbers(byQueue.keys()))
    await endInQueue(work, queue, byQueue.get(number) ?? [], now);
}

async function endInQueue(
  work: QueueWork,
  queue: QueueState,
  dues: readonly DueRow[],
  now: number,
): Promise<void> {
  const gone = new Map<number, Leaving>();
  const dead = new Map<number, Leaving>();
  const postponed = new Map<number, number>();
  for (const due of dues) {
    // What came first counts: a last lease may have run out before the time to live did.
    if (gone.has(due.key) || dead.has(due.key)) continue;
    const outcome = outcomeOf(queue, due, now);
    // Whoever has it may finish: it expires when it comes back.
    if (outcome === 'leased') postponed.set(due.key, due.until ?? now);
    else if (outcome !== undefined && outcome.type !== 'retry')
      (outcome.type === 'dead-letter' ? dead : gone).set(due.key, { code: outcome.code });
  }
  await inOrder(putDues(work.transaction, EXPIRY, postponed));
  if (dead.size > 0) await deadLetter(work, queue, dead, now);
  if (gone.size > 0) await endMessages(work, queue, gone, now);
  if (dead.size + gone.size > 0) count(work.ended, queue.row.name, dead.size + gone.size);
}

/** What becomes of a message whose time has come; undefined when nothing does. */
function outcomeOf(queue: QueueState, due: DueRow, now: number): Outcome | 'leased' | undefined {
  const { until, token, deliveries } = due;
  const isLeased = token !== null && until !== null && until > now;
  if (due.kind === EXPIRY) return isLeased ? 'leased' : afterExpiry(queue.row);
  if (token === null || until === null || isLeased) return undefined;
  return afterFailedDelivery(queue.row, deliveries ?? 0, until);
}
