import type { MessageProperties } from '@fieldpost/protocol';
import type { DeliveryTerms } from '../ports/gateway-store.ts';

/** Of a message that asks for nothing. */
export const NO_TERMS: DeliveryTerms = Object.freeze({});

/**
 * What the properties of a message ask of its queue, as times of the gateway; or the code with which its time has run
 * out already. The time to live wins over the time to reach the queue where both have.
 *
 * @param hasReached whether it was in its queue before, and only the store has forgotten it
 */
export function deliveryTerms(
  properties: MessageProperties,
  sentAt: number,
  now: number,
  hasReached = false,
): DeliveryTerms | 'reach-timeout' | 'receive-timeout' {
  const { timeToReachQueueMs, timeToLiveMs, deliverAfterMs = 0, groupId, ack } = properties;
  const expiresAt = timeToLiveMs === undefined ? undefined : sentAt + timeToLiveMs;
  if (expiresAt !== undefined && expiresAt <= now) return 'receive-timeout';
  if (!hasReached && timeToReachQueueMs !== undefined && sentAt + timeToReachQueueMs <= now)
    return 'reach-timeout';
  const visibleAt = sentAt + deliverAfterMs;
  const isDelayed = deliverAfterMs > 0 && visibleAt > now;
  const told = tellsFateOf(ack);
  if (expiresAt === undefined && groupId === undefined && !isDelayed && told === NO_TERMS) return NO_TERMS;
  return {
    ...(isDelayed ? { visibleAt } : {}),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(groupId === undefined ? {} : { groupId }),
    ...told,
  };
}

/** Whether a message wants its sender to hear what becomes of it behind its arrival. */
export function tellsFateOf(ack: MessageProperties['ack']): DeliveryTerms {
  return ack === 'receive' || ack === 'full' ? TELLS_FATE : NO_TERMS;
}

const TELLS_FATE: DeliveryTerms = Object.freeze({ tellsFate: true });
