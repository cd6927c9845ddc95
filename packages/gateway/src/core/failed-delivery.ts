import type { QueueRow } from '../ports/gateway-store.ts';
import { NEVER } from './never.ts';
import { isDeadLetterQueue, isJournal } from './queue-address.ts';

/**
 * What becomes of messages that could not be consumed: handed out again after a delay, or, when that has been tried often
 * enough, ended. Whether an ended message is kept as a dead letter is its queue's setting.
 */
export type Outcome =
  /** Back at its old place, visible from this time on. */
  | { readonly type: 'retry'; readonly visibleAt: number }
  /** Into the dead-letter queue. */
  | { readonly type: 'dead-letter'; readonly code: EndCode; readonly reason?: string }
  /** Gone: consumed, or because the queue keeps no dead letters. */
  | { readonly type: 'end'; readonly code: EndCode | 'received'; readonly reason?: string };

/** Why a message ended that nobody acknowledged. */
type EndCode = 'max-deliveries' | 'rejected-by-receiver' | 'receive-timeout';

/** A queue by whose settings is decided; `name` may be that of a subqueue. */
export type PolicyQueue = Pick<QueueRow, 'name' | 'maxDeliveries' | 'retryDelaysMs' | 'deadLetter'>;

/**
 * After a delivery that was given back, or whose lease ran out: the n-th one waits the n-th delay, the last delay again
 * and again, and behind `maxDeliveries` comes no other.
 *
 * @param deliveries how often the message was handed out, this time included
 * @param failedAt when it failed, in Unix milliseconds
 * @param delayMs given by a consumer that knows better than the queue's settings
 */
export function afterFailedDelivery(
  queue: PolicyQueue,
  deliveries: number,
  failedAt: number,
  delayMs?: number,
): Outcome {
  if (keepsForGood(queue)) return { type: 'retry', visibleAt: failedAt + (delayMs ?? 0) };
  if (deliveries >= queue.maxDeliveries) return ended(queue, 'max-deliveries');
  return { type: 'retry', visibleAt: failedAt + (delayMs ?? retryDelayMs(queue, deliveries)) };
}

/** After a consumer refused a message for good. A dead letter that is refused stays what it is. */
export function afterRejection(queue: PolicyQueue, now: number, reason: string | undefined): Outcome {
  if (keepsForGood(queue)) return { type: 'retry', visibleAt: now };
  return ended(queue, 'rejected-by-receiver', reason);
}

/** After the time to live ran out. What a journal kept for its time is gone without a dead letter. */
export function afterExpiry(queue: PolicyQueue): Outcome {
  return isJournal(queue.name) ? { type: 'end', code: 'receive-timeout' } : ended(queue, 'receive-timeout');
}

/** What holds for a lease from its beginning, should nobody settle it. */
export interface LeaseTerms {
  /** When the message becomes visible again; {@link NEVER} when it will be ended instead. */
  readonly visibleAt: number;
  /** When it will be ended: the end of its last lease. */
  readonly endsAt?: number;
}

/** The terms of a lease that ends at `leasedUntil`, the `deliveries`-th of its message. */
export function leaseTerms(queue: PolicyQueue, deliveries: number, leasedUntil: number): LeaseTerms {
  const outcome = afterFailedDelivery(queue, deliveries, leasedUntil);
  if (outcome.type === 'retry') return { visibleAt: outcome.visibleAt };
  return { visibleAt: NEVER, endsAt: leasedUntil };
}

function retryDelayMs({ retryDelaysMs }: PolicyQueue, deliveries: number): number {
  return retryDelaysMs[deliveries - 1] ?? retryDelaysMs.at(-1) ?? 0;
}

function ended(queue: PolicyQueue, code: EndCode, reason?: string): Outcome {
  const type = queue.deadLetter ? 'dead-letter' : 'end';
  return { type, code, ...(reason === undefined ? {} : { reason }) };
}

/** Messages in these queues have ended already; no number of deliveries ends them again. */
function keepsForGood({ name }: PolicyQueue): boolean {
  return isDeadLetterQueue(name) || isJournal(name);
}
