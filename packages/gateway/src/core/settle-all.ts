import type { SettleRequest } from '../ports/gateway-store.ts';
import { StoreError } from './store-error.ts';

/** What a transaction fails with that settles a lease which is no more. */
export function leaseLost(queue: string, receipt: string): StoreError {
  return new StoreError(
    'lease-lost',
    `receipt "${receipt}" is of no live lease in queue "${queue}": nothing of the transaction was done`,
  );
}

/** Fails with `lease-lost` when a receipt is settled more than once: behind the first time its lease is over. */
export function requireEachOnce(requests: readonly SettleRequest[]): void {
  const seen = new Set<string>();
  for (const { queue, settlements } of requests) {
    for (const { receipt } of settlements) {
      if (seen.has(receipt)) throw leaseLost(queue, receipt);
      seen.add(receipt);
    }
  }
}
