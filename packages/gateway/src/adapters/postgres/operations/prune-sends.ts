import type { Statement } from '../connection.ts';
import type { Transaction } from '../transaction.ts';

/** The oldest first; another gateway that is at it has its own. */
export const PRUNE_SENDS: Statement = {
  name: 'sends-prune',
  text: `WITH old AS (SELECT queue, id FROM fieldpost.sends WHERE sent_at < $1 ORDER BY sent_at LIMIT $2
                      FOR UPDATE SKIP LOCKED)
         DELETE FROM fieldpost.sends USING old WHERE sends.queue = old.queue AND sends.id = old.id`,
};

/** Forgets the oldest ids of producers. Returns how many. */
export async function pruneSends(transaction: Transaction, before: number, max: number): Promise<number> {
  return (await transaction.run(PRUNE_SENDS, [before, max])).count;
}
