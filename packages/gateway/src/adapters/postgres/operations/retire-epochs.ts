import type { RetireRequest, RetireResult } from '../../../ports/gateway-store.ts';
import { uuidArray } from '../binary-array.ts';
import type { Statement } from '../connection.ts';
import type { Transaction } from '../transaction.ts';

/** Another gateway that is at it has its own. */
export const FIND_CLOSED: Statement = {
  name: 'retire-find',
  text: `SELECT epoch FROM fieldpost.epochs WHERE closed_at < $1 ORDER BY closed_at LIMIT $2 FOR UPDATE SKIP LOCKED`,
};
const RETIRE: Statement = {
  name: 'retire-epochs',
  text: `WITH gone AS (DELETE FROM fieldpost.epochs WHERE epoch = ANY($1::uuid[]) RETURNING epoch),
         buried AS (INSERT INTO fieldpost.retired (epoch) SELECT epoch FROM gone ON CONFLICT DO NOTHING)
         INSERT INTO fieldpost.retiring (epoch) SELECT epoch FROM gone ON CONFLICT DO NOTHING`,
};
const NEXT: Statement = {
  name: 'retire-next',
  text: 'SELECT epoch FROM fieldpost.retiring ORDER BY epoch LIMIT 1 FOR UPDATE SKIP LOCKED',
};
const REMOVE_FATES: Statement = {
  name: 'retire-fates',
  text: `DELETE FROM fieldpost.fates WHERE (epoch, queue, priority, number, kind) IN
           (SELECT epoch, queue, priority, number, kind FROM fieldpost.fates WHERE epoch = $1 LIMIT $2)`,
};
const REMOVE_REST: readonly Statement[] = ['streams', 'lost', 'retiring'].map((table) => ({
  name: `retire-${table}`,
  text: `DELETE FROM fieldpost.${table} WHERE epoch = $1`,
}));

/**
 * Retires closed epochs. One that is chosen is retired with its tombstone at once, so that nothing of it counts any more;
 * its rows are removed by this call and the next ones.
 */
export async function retireEpochs(
  transaction: Transaction,
  { closedBefore, rowsMax }: RetireRequest,
): Promise<RetireResult> {
  const left = await removeRows(transaction, rowsMax);
  if (left <= 0) return { epochs: 0, isDone: false };
  const chosen = await transaction.rows<{ epoch: string }>(FIND_CLOSED, [closedBefore, left]);
  if (chosen.length > 0) await transaction.run(RETIRE, [uuidArray(chosen.map(({ epoch }) => epoch))]);
  return { epochs: chosen.length, isDone: chosen.length === 0 };
}

/** Removes rows of retired epochs, at most about as many. Returns how many more it might have removed. */
async function removeRows(transaction: Transaction, rowsMax: number): Promise<number> {
  let left = rowsMax;
  while (left > 0) {
    const [next] = await transaction.rows<{ epoch: string }>(NEXT);
    if (next === undefined) break;
    left -= (await transaction.run(REMOVE_FATES, [next.epoch, left])).count;
    if (left <= 0) break;
    for (const remove of REMOVE_REST) left -= (await transaction.run(remove, [next.epoch])).count;
  }
  return left;
}
