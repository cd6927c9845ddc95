import { queueEnd, queueStart } from '../../../core/message-key.ts';
import type { Statement } from '../connection.ts';
import { tellFates } from '../notices.ts';
import type { QueueWork } from '../queue-work.ts';

/** Rows of one batch: some milliseconds of work. */
const BATCH_ROWS = 500;

/** Another gateway that is at it has its own. */
const NEXT: Statement = {
  name: 'empty-next',
  text: 'SELECT queue, deleted_at FROM fieldpost.emptying ORDER BY queue LIMIT 1 FOR UPDATE SKIP LOCKED',
};
const REMOVE_BY_KEY: readonly Statement[] = ['messages', 'holds', 'dues', 'members', 'stories'].map(
  (table) => ({
    name: `empty-${table}`,
    text: `DELETE FROM fieldpost.${table} WHERE key IN
           (SELECT key FROM fieldpost.${table} WHERE key >= $1 AND key < $2 ORDER BY key LIMIT ${BATCH_ROWS})`,
  }),
);
const ASKED: Statement = {
  name: 'empty-asked',
  text: `SELECT key FROM fieldpost.asks WHERE key >= $1 AND key < $2 ORDER BY key LIMIT ${BATCH_ROWS}`,
};
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
 * them, go afterwards, and then its number is free. Who asked what becomes of a message is told.
 *
 * @returns whether there may be more
 */
export async function emptyDeleted(work: QueueWork): Promise<boolean> {
  const { transaction } = work;
  const [next] = await transaction.rows<{ queue: number; deleted_at: number }>(NEXT);
  if (next === undefined) return false;
  const range = [queueStart(next.queue), queueEnd(next.queue)];
  const asked = await transaction.rows<{ key: number }>(ASKED, range);
  let removed = asked.length;
  if (asked.length > 0) {
    const fates = new Map(asked.map(({ key }) => [key, { code: 'queue-deleted' }]));
    work.told(await tellFates(transaction, fates, next.deleted_at));
  }
  for (const remove of REMOVE_BY_KEY) removed += (await transaction.run(remove, range)).count;
  removed += (await transaction.run(REMOVE_SENDS, [next.queue])).count;
  if (removed === 0) await transaction.run(FINISH, [next.queue]);
  return true;
}
