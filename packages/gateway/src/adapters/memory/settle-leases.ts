import { afterFailedDelivery, afterRejection, leaseTerms, type Outcome } from '../../core/failed-delivery.ts';
import { parseReceipt } from '../../core/receipt.ts';
import type { Settlement, SettleRequest, SettleResult } from '../../ports/gateway-store.ts';
import { applyOutcome } from './end-messages.ts';
import { type MemoryDisk, type MemoryMessage, type MemoryQueue, ofSamePriority } from './memory-disk.ts';

/** Settles receipts, a result for each. Dead letters come before what is gone, and both in queue order, whatever the order of the receipts. */
export function settleLeases(
  disk: MemoryDisk,
  { queue: name, settlements, now }: SettleRequest,
): SettleResult[] {
  const queue = disk.queues.get(name);
  const leaving = new Map<MemoryMessage, Outcome>();
  const results = settlements.map((settlement): SettleResult => {
    const message = leasedMessage(queue, settlement.receipt, now);
    if (queue === undefined || message === undefined || leaving.has(message))
      return { receipt: settlement.receipt, code: 'lease-lost' };
    const result = settleOne(disk, queue, message, settlement, { now, leaving });
    const isNext = leaving.has(message) && message.groupId !== undefined;
    return isNext ? { ...result, isGroupNext: true } : result;
  });
  const inOrder = [...leaving].toSorted(
    ([one, first], [other, second]) =>
      Number(second.type === 'dead-letter') - Number(first.type === 'dead-letter') || one.key - other.key,
  );
  if (queue !== undefined)
    for (const [message, outcome] of inOrder) applyOutcome(disk, queue, message, outcome, now);
  return results;
}

/** The message whose live lease a receipt is of. */
export function leasedMessage(
  queue: MemoryQueue | undefined,
  receipt: string,
  now: number,
): MemoryMessage | undefined {
  const parts = parseReceipt(receipt);
  const siblings = queue === undefined || parts === undefined ? undefined : ofSamePriority(queue, parts.key);
  const message = parts === undefined ? undefined : siblings?.get(parts.key);
  const isLive = message?.leaseToken === parts?.token && (message?.leasedUntil ?? 0) > now;
  return isLive ? message : undefined;
}

function settleOne(
  disk: MemoryDisk,
  queue: MemoryQueue,
  message: MemoryMessage,
  settlement: Settlement,
  { now, leaving }: { readonly now: number; readonly leaving: Map<MemoryMessage, Outcome> },
): SettleResult {
  const { receipt } = settlement;
  const fail = (outcome: Outcome): SettleResult => {
    if (outcome.type !== 'retry') {
      leaving.set(message, outcome);
      return { receipt, ended: outcome.code };
    }
    applyOutcome(disk, queue, message, outcome, now);
    return { receipt };
  };
  switch (settlement.type) {
    case 'ack':
      leaving.set(message, { type: 'end', code: 'received' });
      return { receipt };
    case 'nack':
      return fail(afterFailedDelivery(queue.row, message.deliveryCount, now, settlement.delayMs));
    case 'reject':
      return fail(afterRejection(queue.row, now, settlement.reason));
    case 'release':
      message.leaseToken = undefined;
      message.visibleAt = 0;
      message.deliveryCount -= 1;
      return { receipt };
    case 'extend': {
      const leasedUntil = now + settlement.leaseMs;
      const { visibleAt, endsAt } = leaseTerms(queue.row, message.deliveryCount, leasedUntil);
      message.leasedUntil = leasedUntil;
      message.visibleAt = visibleAt;
      if (endsAt !== undefined) queue.nextDueAt = Math.min(queue.nextDueAt, endsAt);
      return { receipt, leasedUntil };
    }
  }
}
