import { queueEnd, queueStart } from '../../../core/message-key.ts';
import type { Statement } from '../connection.ts';
import type { Transaction } from '../transaction.ts';

/** Rows of one batch: some milliseconds of work. */
const BATCH_ROWS = 500;

/** Another gateway that is at it has its own. */
const NEXT: Statement = {
  name: 'empty-next',
  text: 'SELECT queue FROM fieldpost.emptying ORDER BY queue LIMIT 1 FOR UPDATE SKIP LOCKED',
};
const REMOVE_BY_KEY: readonly Statement[] = ['messages', 'holds', 'dues', 'members', 'stories'].map(
  (table) => ({
    name: `empty-${table}`,
    text: `DELETE FROM fieldpost.${table} WHERE key IN
           (SELECT key FROM fieldpost.${table} WHERE key >= $1 AND key < $2 ORDER BY key LIMIT ${BATCH_ROWS})`,
  }),
);
const REMOVE_SENDS: Statement = {
  name: 'empty-sends',
  text: `DELETE FROM fieldpost.sends WHERE queue = $1 AND id IN
           (SELECT id FROM fieldpost.sends WHERE queue = $1 LIMIT ${BATCH_ROWS})`,
};
const FINISH: Statement = {
  name: 'empty-finish',
  text: `WITH counts AS (DELETE FROM fieldpost.removals WHERE queue = $1)
         DELETE FROM fieldpost.emptying WHERE queue = $1`,
};

/**
 * Removes a batch of what deleted queues left behind. A queue is gone with its row; its messages, and whatever belongs to
 * them, go afterwards, and then its number is free.
 *
 * @returns whether there may be more
 */
export async function emptyDeleted(transaction: Transaction): Promise<boolean> {
  const [next] = await transaction.rows<{ queue: number }>(NEXT);
  if (next === undefined) return false;
  const range = [queueStart(next.queue), queueEnd(next.queue)];
  let removed = 0;
  for (const remove of REMOVE_BY_KEY) removed += (await transaction.run(remove, range)).count;
  removed += (await transaction.run(REMOVE_SENDS, [next.queue])).count;
  if (removed === 0) await transaction.run(FINISH, [next.queue]);
  return true;
}
