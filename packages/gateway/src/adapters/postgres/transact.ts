import type { Decision, Scope, Snapshot } from '../../ports/gateway-store.ts';
import type { Outcome } from './call-group.ts';
import { DecisionRows } from './decision-rows.ts';
import type { Identity } from './identity.ts';
import { isOfDatabase } from './postgres-error.ts';
import type { QueueWork } from './queue-work.ts';
import type { Transaction } from './transaction.ts';

/** A call of `transact`. */
export interface Deciding {
  readonly scope: Scope;
  readonly decide: (snapshot: Snapshot) => Decision<unknown>;
}

export interface Decided {
  readonly outcomes: readonly Outcome[];
  readonly identity: Identity;
  /** What settled leases brought about. */
  readonly work: QueueWork;
}

/** Bytes after which a transaction is committed although more calls wait: bounds how long the first one waits. */
const GROUP_BYTES_MAX = 8 * 1024 * 1024;

/** Runs calls one after the other on what one read brought, and writes in one go what they decided. */
export async function decideAll(
  transaction: Transaction,
  identity: Identity,
  calls: readonly Deciding[],
  slice: number,
): Promise<Decided> {
  const rows = new DecisionRows(transaction, identity, slice);
  await rows.load(calls.map(({ scope }) => scope));
  const outcomes: Outcome[] = [];
  for (const { scope, decide } of calls) {
    try {
      await rows.loadNow(scope);
      const { changes, result } = decide(rows.snapshot(scope));
      await rows.apply(changes);
      if (changes.some(({ type }) => type === 'delete-queue')) rows.work.hasDropped = true;
      outcomes.push({ result });
    } catch (error) {
      if (isOfDatabase(error)) throw error;
      outcomes.push({ error });
    }
    if (rows.bytes >= GROUP_BYTES_MAX) break;
  }
  await rows.flush();
  return { outcomes, identity: rows.identity, work: rows.work };
}
