import { leaseTerms } from '../../../core/failed-delivery.ts';
import { isHeldTooLong, LEASE_MS_MAX, RETRY_DELAY_MS_MAX } from '../../../core/hold-limits.ts';
import { queueOfKey } from '../../../core/message-key.ts';
import { NEVER } from '../../../core/never.ts';
import { bigintArray } from '../binary-array.ts';
import type { Statement } from '../connection.ts';
import { LAST_LEASE, putDues } from '../dues.ts';
import type { QueueWork } from '../queue-work.ts';
import { inOrder } from '../transaction.ts';

/** Looks at every hold. What another transaction has locked is in use. */
const FIND: Statement = {
  name: 'long-holds-find',
  text: `SELECT messages.key, until, token, deliveries
         FROM fieldpost.messages JOIN fieldpost.holds ON holds.key = messages.key
         WHERE deliveries > 0 AND until > $1 AND until < ${NEVER}
         ORDER BY messages.key FOR UPDATE OF messages, holds SKIP LOCKED`,
};
const END: Statement = {
  name: 'long-holds-end',
  text: `UPDATE fieldpost.holds SET until = $3, visible_at = new.visible_at
         FROM unnest($1::bigint[], $2::bigint[]) AS new (key, visible_at) WHERE holds.key = new.key`,
};

interface LongHold {
  readonly key: number;
  readonly until: number;
  readonly token: string | null;
  readonly deliveries: number;
}

/** Ends what is held for longer than anybody can ask for, as if it ended now. */
export async function endLongHolds(work: QueueWork, now: number): Promise<void> {
  const shortest = now + Math.min(LEASE_MS_MAX, RETRY_DELAY_MS_MAX);
  const found = await work.transaction.rows<LongHold>(FIND, [shortest]);
  const queues = await work.queues.withNumbers(found.map(({ key }) => queueOfKey(key)));
  const visible = new Map<number, number>();
  const ends = new Map<number, number>();
  for (const { key, until, token, deliveries } of found) {
    const queue = queues.get(queueOfKey(key));
    if (queue === undefined || !isHeldTooLong({ isLeased: token !== null, until }, now)) continue;
    const terms = token === null ? { visibleAt: now } : leaseTerms(queue.row, deliveries, now);
    visible.set(key, terms.visibleAt);
    if (terms.endsAt !== undefined) ends.set(key, terms.endsAt);
  }
  if (visible.size === 0) return;
  await work.transaction.run(END, [
    bigintArray([...visible.keys()]),
    bigintArray([...visible.values()]),
    now,
  ]);
  await inOrder(putDues(work.transaction, LAST_LEASE, ends));
}
