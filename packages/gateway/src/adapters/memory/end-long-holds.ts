import { leaseTerms } from '../../core/failed-delivery.ts';
import { isHeldTooLong } from '../../core/hold-limits.ts';
import { NEVER } from '../../core/never.ts';
import { inQueueOrder, type MemoryDisk, type MemoryMessage, type MemoryQueue } from './memory-disk.ts';

/** Ends what is held for longer than anybody can ask for, as if it ended now. */
export function endLongHolds(disk: MemoryDisk, now: number): void {
  for (const queue of disk.queues.values())
    for (const message of inQueueOrder(queue))
      if (message.deliveryCount > 0) endLongHold(queue, message, now);
}

function endLongHold(queue: MemoryQueue, message: MemoryMessage, now: number): void {
  const { leaseToken, leasedUntil, visibleAt, deliveryCount } = message;
  const isLeased = leaseToken !== undefined;
  if (!isLeased && visibleAt === NEVER) return;
  if (!isHeldTooLong({ isLeased, until: isLeased ? leasedUntil : visibleAt }, now)) return;
  if (!isLeased) {
    message.visibleAt = now;
    return;
  }
  const terms = leaseTerms(queue.row, deliveryCount, now);
  message.leasedUntil = now;
  message.visibleAt = terms.visibleAt;
  if (terms.endsAt !== undefined) queue.nextDueAt = Math.min(queue.nextDueAt, terms.endsAt);
}
