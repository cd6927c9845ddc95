import { bigintArray } from './binary-array.ts';
import type { Statement } from './connection.ts';
import type { Transaction } from './transaction.ts';

/** Why a message ends at a certain time: its time to live ran out. */
export const EXPIRY = 0;
/** Why a message ends at a certain time: its last lease ran out. */
export const LAST_LEASE = 1;

/** The first one tells: whether there is any at all would be looked for through the whole table when most are due. */
const ARE_ANY: Statement = {
  name: 'dues-any',
  text: 'SELECT coalesce((SELECT at FROM fieldpost.dues ORDER BY at LIMIT 1) <= $1, false) AS are_any',
};
const PUT: Statement = {
  name: 'dues-put',
  text: `INSERT INTO fieldpost.dues (key, kind, at)
         SELECT key, $2, at FROM unnest($1::bigint[], $3::bigint[]) AS new (key, at)
         ON CONFLICT (key, kind) DO UPDATE SET at = excluded.at`,
};

/** Whether there is anything to end by `now`. */
export async function areAnyDue(transaction: Transaction, now: number): Promise<boolean> {
  const [row] = await transaction.rows<{ are_any: boolean }>(ARE_ANY, [now]);
  return row?.are_any === true;
}

/** Sets when messages end. */
export function putDues(
  transaction: Transaction,
  kind: typeof EXPIRY | typeof LAST_LEASE,
  ends: ReadonlyMap<number, number>,
): readonly Promise<unknown>[] {
  if (ends.size === 0) return [];
  const values = [bigintArray([...ends.keys()]), kind, bigintArray([...ends.values()])];
  return [transaction.run(PUT, values)];
}
