import { HEAD_BYTES } from '../../../core/message-head.ts';
import { queueEnd, queueStart } from '../../../core/message-key.ts';
import { NEVER } from '../../../core/never.ts';
import { bigintArray } from '../binary-array.ts';
import type { Statement } from '../connection.ts';
import { type LeavingMessages, tellFates } from '../notices.ts';
import type { QueueState } from '../queue-rows.ts';
import type { QueueWork } from '../queue-work.ts';
import { MESSAGE_COLUMNS, type MessageColumns } from '../stored-message.ts';

/** A message that has left its queue. */
export interface TakenMessage extends MessageColumns {
  /** Of properties and body. */
  readonly bytes: number;
  /** How often it was handed out in the queue. */
  readonly deliveries: number;
}

const SIZE = `octet_length(head) + octet_length(body) - ${HEAD_BYTES}`;

/** Everything that belongs to messages, in one statement. */
const DELETE_BESIDE = `
  gone_holds AS (DELETE FROM fieldpost.holds WHERE key = ANY($1::bigint[]) RETURNING key, until, token, deliveries),
  gone_dues AS (DELETE FROM fieldpost.dues WHERE key = ANY($1::bigint[])),
  gone_asks AS (DELETE FROM fieldpost.asks WHERE key = ANY($1::bigint[])),
  gone_stories AS (DELETE FROM fieldpost.stories WHERE key = ANY($1::bigint[]) RETURNING key, story),
  gone_members AS (DELETE FROM fieldpost.members WHERE key = ANY($1::bigint[]) RETURNING key, name)`;
const HEADLESS = `SELECT coalesce(json_agg(DISTINCT name), '[]') FROM gone_members LEFT JOIN gone_holds USING (key)
  WHERE until IS NULL OR token IS NOT NULL OR until <> ${NEVER}`;

const TAKE: Statement = {
  name: 'take-out-take',
  text: `WITH gone AS (DELETE FROM fieldpost.messages WHERE key = ANY($1::bigint[])
                       RETURNING ${MESSAGE_COLUMNS}, body, ${SIZE} AS bytes), ${DELETE_BESIDE}
         SELECT gone.*, coalesce(gone_holds.deliveries, 0) AS deliveries, gone_stories.story, (${HEADLESS}) AS headless
         FROM gone LEFT JOIN gone_holds USING (key) LEFT JOIN gone_stories USING (key) ORDER BY gone.key`,
};
const DISCARD: Statement = {
  name: 'take-out-discard',
  text: `WITH gone AS (DELETE FROM fieldpost.messages WHERE key = ANY($1::bigint[]) RETURNING ${SIZE} AS bytes),
         ${DELETE_BESIDE}
         SELECT count(*) AS messages, coalesce(sum(bytes), 0)::bigint AS bytes, (${HEADLESS}) AS headless FROM gone`,
};
const LOOK: Statement = {
  name: 'take-out-look',
  text: `SELECT EXISTS (SELECT FROM fieldpost.members WHERE key = ANY($1::bigint[])) AS are_grouped,
                EXISTS (SELECT FROM fieldpost.asks WHERE key = ANY($1::bigint[])) AS are_asked`,
};
/** The first of each group that has lost its head is the head now, and visible when its delay has passed. */
const PROMOTE: Statement = {
  name: 'members-promote',
  text: `WITH heads AS (
           SELECT head.key, head.visible_at FROM unnest($1::text[]) AS headless (name)
           CROSS JOIN LATERAL (SELECT key, visible_at FROM fieldpost.members
             WHERE members.name = headless.name AND key >= $2 AND key < $3 ORDER BY key LIMIT 1) AS head),
         released AS (DELETE FROM fieldpost.holds USING heads WHERE holds.key = heads.key AND heads.visible_at <= $4)
         UPDATE fieldpost.holds SET until = heads.visible_at, visible_at = heads.visible_at
         FROM heads WHERE holds.key = heads.key AND heads.visible_at > $4`,
};

/**
 * Deletes messages that are locked, with all that belongs to them: the one way out of a queue. What becomes of them is the
 * caller's; who asked for the fate of one that has ended is told.
 */
export async function takeOut(
  work: QueueWork,
  queue: QueueState,
  fates: LeavingMessages,
  now: number,
  how: 'ended' | 'moved',
): Promise<readonly TakenMessage[]> {
  const values = await prepare(work, queue, fates, { now, isEnd: how === 'ended' });
  const taken = await work.transaction.rows<TakenMessage & Headless>(TAKE, values);
  const bytes = taken.reduce((sum, message) => sum + message.bytes, 0);
  await note(work, queue, { messages: taken.length, bytes, headless: taken[0]?.headless ?? [] }, now);
  return taken;
}

/** The same for messages that have ended and of which nothing is kept; most go this way, so nothing is read of them. */
export async function discard(
  work: QueueWork,
  queue: QueueState,
  fates: LeavingMessages,
  now: number,
): Promise<void> {
  const values = await prepare(work, queue, fates, { now, isEnd: true });
  const [gone] = await work.transaction.rows<Gone>(DISCARD, values);
  if (gone !== undefined) await note(work, queue, gone, now);
}

interface Headless {
  readonly headless: readonly string[];
}

interface Gone extends Headless {
  readonly messages: number;
  readonly bytes: number;
}

/** What has to be done before messages go; answers their keys for the statements. */
async function prepare(
  work: QueueWork,
  queue: QueueState,
  fates: LeavingMessages,
  { now, isEnd }: { readonly now: number; readonly isEnd: boolean },
): Promise<readonly [Buffer]> {
  const values = [bigintArray([...fates.keys()])] as const;
  const [row] = await work.transaction.rows<{ are_grouped: boolean; are_asked: boolean }>(LOOK, values);
  // Whoever adds to a group looks whether it has a head: nobody takes that out at the same time.
  if (row?.are_grouped === true) await work.queues.lock([queue.row.name]);
  if (isEnd && row?.are_asked === true) work.told(await tellFates(work.transaction, fates, now));
  return values;
}

async function note(work: QueueWork, queue: QueueState, gone: Gone, now: number): Promise<void> {
  await work.removals.count(queue.number, gone.messages, gone.bytes);
  if (gone.headless.length === 0) return;
  const range = [queueStart(queue.number), queueEnd(queue.number)] as const;
  await work.transaction.run(PROMOTE, [gone.headless, ...range, now]);
}
