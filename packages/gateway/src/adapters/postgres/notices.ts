import type { DeviceId, MessageId } from '@fieldpost/protocol';
import type { DeviceNotices, FateNotice, Scope } from '../../ports/gateway-store.ts';
import { bigintArray } from './binary-array.ts';
import type { Statement } from './connection.ts';
import { originalText, safeText } from './safe-text.ts';
import type { Transaction } from './transaction.ts';

/** Why a message left its queue. */
export interface Leaving {
  readonly code: string;
  readonly reason?: string;
}

/** Messages that leave their queue, by key. */
export type LeavingMessages = ReadonlyMap<number, Leaving>;

/** Numbered by a counter of the device, locked to the end of the transaction: in the order of the commits. */
const TELL: Statement = {
  name: 'notices-tell',
  text: `WITH told AS (DELETE FROM fieldpost.asks WHERE key = ANY($1::bigint[]) RETURNING key, device, id),
         counted AS (
           INSERT INTO fieldpost.notice_counters AS counters (device, last)
           SELECT device, count(*) FROM told GROUP BY device ORDER BY device
           ON CONFLICT (device) DO UPDATE SET last = counters.last + excluded.last RETURNING device, last)
         INSERT INTO fieldpost.notices (device, number, id, code, reason, ended_at)
         SELECT device, last - count(*) OVER (PARTITION BY device) + row_number() OVER (PARTITION BY device ORDER BY key),
                id, code, reason, $4
         FROM told JOIN counted USING (device)
         JOIN unnest($1::bigint[], $2::text[], $3::text[]) AS fates (key, code, reason) USING (key)
         RETURNING device`,
};
const FIND: Statement = {
  name: 'notices-find',
  text: 'SELECT id FROM fieldpost.notices WHERE device = $1 AND number = $2',
};
const LIST: Statement = {
  name: 'notices-list',
  text: `SELECT number, id, code, reason, ended_at FROM fieldpost.notices
         WHERE device = $1 AND number > $2 ORDER BY number LIMIT $3`,
};
const CONFIRM: Statement = {
  name: 'notices-confirm',
  text: 'DELETE FROM fieldpost.notices WHERE device = $1 AND number <= $2',
};
const PRUNE: Statement = {
  name: 'notices-prune',
  text: `WITH old AS (SELECT device, number FROM fieldpost.notices WHERE ended_at < $1 ORDER BY ended_at LIMIT $2
                      FOR UPDATE SKIP LOCKED)
         DELETE FROM fieldpost.notices USING old WHERE notices.device = old.device AND notices.number = old.number`,
};

/** These messages end: tells the devices that asked. Answers which ones. */
export async function tellFates(
  transaction: Transaction,
  fates: LeavingMessages,
  now: number,
): Promise<readonly DeviceId[]> {
  const endings = [...fates.values()];
  const rows = await transaction.rows<{ device: string }>(TELL, [
    bigintArray([...fates.keys()]),
    endings.map(({ code }) => code),
    endings.map(({ reason }) => (reason === undefined ? null : safeText(reason))),
    now,
  ]);
  return rows.map(({ device }) => device as DeviceId);
}

/** What a device has not confirmed to have heard yet. */
export async function loadNotices(
  transaction: Transaction,
  device: DeviceId,
  { after, max }: NonNullable<Scope['notices']>,
): Promise<DeviceNotices> {
  const [known] =
    after === undefined ? [] : await transaction.rows<{ id: string }>(FIND, [device, after.number]);
  const isKnown = known !== undefined && after !== undefined && known.id === after.id;
  const values = [device, isKnown ? after.number : 0, max + 1];
  const rows = await transaction.rows<NoticeColumns>(LIST, values);
  return { isKnown, rows: rows.slice(0, max).map(noticeOf), hasMore: rows.length > max };
}

/** Forgets what a device has heard of. */
export function confirmNotices(transaction: Transaction, device: DeviceId, upTo: number): Promise<unknown> {
  return transaction.run(CONFIRM, [device, upTo]);
}

/** Forgets the oldest notices. Returns how many. */
export async function pruneNotices(transaction: Transaction, before: number, max: number): Promise<number> {
  return (await transaction.run(PRUNE, [before, max])).count;
}

interface NoticeColumns {
  readonly number: number;
  readonly id: string;
  readonly code: string;
  readonly reason: string | null;
  readonly ended_at: number;
}

function noticeOf({ number, id, code, reason, ended_at: endedAt }: NoticeColumns): FateNotice {
  const why = reason === null ? {} : { reason: originalText(reason) };
  return { number, id: id as MessageId, code, ...why, endedAt };
}
