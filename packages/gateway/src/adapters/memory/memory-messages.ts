import { invariant } from '@fieldpost/protocol';
import { NEVER } from '../../core/never.ts';
import type { DeliveryTerms } from '../../ports/gateway-store.ts';
import {
  inQueueOrder,
  type MemoryMessage,
  type MemoryQueue,
  messageBytes,
  nextKey,
  ofSamePriority,
} from './memory-disk.ts';

/** A message before it has a place in a queue. */
export type PlacelessMessage = Pick<
  MemoryMessage,
  'id' | 'properties' | 'body' | 'priority' | 'sentAt' | 'arrivedAt' | 'origin' | 'story'
> & { readonly terms?: DeliveryTerms | undefined };

/** Adds a message to the end of a queue: the one way in. */
export function insertMessage(queue: MemoryQueue, message: PlacelessMessage): MemoryMessage {
  const { terms = {}, ...content } = message;
  const { visibleAt = 0, expiresAt, groupId, tellsFate = false } = terms;
  const isBlocked = groupId !== undefined && inGroup(queue, groupId) !== undefined;
  const key = nextKey(queue, message.priority);
  const inserted: MemoryMessage = {
    ...content,
    key,
    groupId,
    expiresAt,
    tellsFate,
    deliveryCount: 0,
    visibleAt: isBlocked ? NEVER : visibleAt,
    leasedUntil: 0,
    leaseToken: undefined,
    consumer: undefined,
    blockedUntil: isBlocked ? visibleAt : undefined,
  };
  siblingsOf(queue, inserted).set(key, inserted);
  queue.bytes += messageBytes(inserted);
  if (expiresAt !== undefined) queue.nextDueAt = Math.min(queue.nextDueAt, expiresAt);
  return inserted;
}

/** Takes a message out, in whatever state it is: the one way out. The next of its group has its turn. */
export function removeMessage(queue: MemoryQueue, message: MemoryMessage): void {
  siblingsOf(queue, message).delete(message.key);
  queue.bytes -= messageBytes(message);
  if (message.groupId === undefined || message.blockedUntil !== undefined) return;
  const next = inGroup(queue, message.groupId);
  if (next === undefined) return;
  next.visibleAt = next.blockedUntil ?? 0;
  next.blockedUntil = undefined;
}

function inGroup(queue: MemoryQueue, groupId: string): MemoryMessage | undefined {
  for (const message of inQueueOrder(queue)) if (message.groupId === groupId) return message;
  return undefined;
}

function siblingsOf(queue: MemoryQueue, { key }: MemoryMessage): Map<number, MemoryMessage> {
  const siblings = ofSamePriority(queue, key);
  invariant(siblings !== undefined, `no place for key ${key}`);
  return siblings;
}
