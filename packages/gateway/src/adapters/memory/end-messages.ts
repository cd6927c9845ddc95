import { afterExpiry, afterFailedDelivery, type Outcome } from '../../core/failed-delivery.ts';
import { journalRoom } from '../../core/journal-room.ts';
import { continueStory } from '../../core/message-story.ts';
import { NEVER } from '../../core/never.ts';
import {
  deadLetterQueueOf,
  isDeadLetterQueue,
  isJournal,
  isSubqueue,
  journalOf,
  parentOf,
} from '../../core/queue-address.ts';
import { newQueueRow } from '../../core/queue-settings.ts';
import type { DeliveryTerms } from '../../ports/gateway-store.ts';
import {
  createMemoryQueue,
  inQueueOrder,
  type MemoryDisk,
  type MemoryMessage,
  type MemoryQueue,
  messageBytes,
} from './memory-disk.ts';
import { insertMessage, removeMessage } from './memory-messages.ts';
import { tellFate } from './memory-notices.ts';

/** Why a message leaves its queue. */
export interface Leaving {
  readonly code: string;
  readonly reason?: string;
}

/**
 * The message is gone, with its fate. Everything that ends a message comes here or to `deadLetter`: here stands
 * what "message X ended with fate Y" means for the store.
 */
export function endMessage(
  disk: MemoryDisk,
  queue: MemoryQueue,
  message: MemoryMessage,
  fate: Leaving,
  now: number,
): void {
  const { name, journal, journalRetentionMs } = queue.row;
  tellFate(disk, message, fate, now);
  removeMessage(queue, message);
  if (journal && !isJournal(name) && !isDeadLetterQueue(name)) {
    const kept = disk.queues.get(journalOf(name));
    const usage = {
      messages: kept === undefined ? 0 : Array.from(inQueueOrder(kept)).length,
      bytes: kept?.bytes ?? 0,
    };
    if (journalRoom(queue.row, usage, [messageBytes(message)]) === 1)
      put(disk, queue, message, journalOf(name), fate, now, { expiresAt: now + journalRetentionMs });
    else disk.unjournaled.set(name, (disk.unjournaled.get(name) ?? 0) + 1);
  }
  dropIfEmpty(disk, queue);
}

/** The message is a dead letter now. */
function deadLetter(
  disk: MemoryDisk,
  queue: MemoryQueue,
  message: MemoryMessage,
  fate: Leaving,
  now: number,
): void {
  tellFate(disk, message, fate, now);
  moveMessage(disk, queue, message, deadLetterQueueOf(queue.row.name), fate, now);
}

/** The message goes to the end of another queue. */
export function moveMessage(
  disk: MemoryDisk,
  queue: MemoryQueue,
  message: MemoryMessage,
  target: string,
  leaving: Leaving,
  now: number,
  terms?: DeliveryTerms,
): void {
  removeMessage(queue, message);
  put(disk, queue, message, target, leaving, now, terms);
  dropIfEmpty(disk, queue);
}

/** Does what was decided about a message that could not be consumed; answers the code if it ended. */
export function applyOutcome(
  disk: MemoryDisk,
  queue: MemoryQueue,
  message: MemoryMessage,
  outcome: Outcome,
  now: number,
): string | undefined {
  if (outcome.type === 'retry') {
    message.leaseToken = undefined;
    message.visibleAt = outcome.visibleAt;
    return undefined;
  }
  const { type, ...fate } = outcome;
  (type === 'dead-letter' ? deadLetter : endMessage)(disk, queue, message, fate, now);
  return fate.code;
}

/** Ends what has run out by `now`; answers how many messages, by queue. */
export function sweepQueues(disk: MemoryDisk, now: number): Map<string, number> {
  const ended = new Map<string, number>();
  for (const queue of Array.from(disk.queues.values())) {
    if (queue.nextDueAt > now) continue;
    let nextDueAt = NEVER;
    for (const message of Array.from(inQueueOrder(queue))) {
      const outcome = outcomeByTime(queue, message, now);
      if (outcome === undefined) nextDueAt = Math.min(nextDueAt, dueAt(message, now));
      else if (applyOutcome(disk, queue, message, outcome, now) !== undefined)
        ended.set(queue.row.name, (ended.get(queue.row.name) ?? 0) + 1);
    }
    queue.nextDueAt = nextDueAt;
  }
  return ended;
}

function outcomeByTime(queue: MemoryQueue, message: MemoryMessage, now: number): Outcome | undefined {
  if (dueAt(message, now) > now) return undefined;
  const { expiresAt = NEVER, leaseToken, visibleAt, leasedUntil } = message;
  const isLastLease = leaseToken !== undefined && visibleAt === NEVER;
  // What came first counts: a last lease may have run out before the time to live did.
  if (!isLastLease || expiresAt <= leasedUntil) return afterExpiry(queue.row);
  return afterFailedDelivery(queue.row, message.deliveryCount, message.leasedUntil);
}

/** When the message ends by itself. Whoever has it may finish first. */
function dueAt(message: MemoryMessage, now: number): number {
  const { expiresAt = NEVER, leaseToken, leasedUntil, visibleAt } = message;
  const isLeased = leaseToken !== undefined && leasedUntil > now;
  const isLastLease = leaseToken !== undefined && visibleAt === NEVER;
  return Math.min(isLeased ? Math.max(expiresAt, leasedUntil) : expiresAt, isLastLease ? leasedUntil : NEVER);
}

function put(
  disk: MemoryDisk,
  from: MemoryQueue,
  message: MemoryMessage,
  target: string,
  leaving: Leaving,
  now: number,
  terms?: DeliveryTerms,
): void {
  const { id, properties, body, priority, sentAt, arrivedAt, origin, deliveryCount } = message;
  const entry = { queue: from.row.name, at: now, ...leaving };
  const story = continueStory(message.story, entry, deliveryCount);
  const content = { id, properties, body, priority, sentAt, arrivedAt, origin };
  insertMessage(openQueue(disk, target, now), { ...content, story, terms });
}

/** The queue of this name; a subqueue is made now when there is none. */
function openQueue(disk: MemoryDisk, name: string, now: number): MemoryQueue {
  const known = disk.queues.get(name);
  if (known !== undefined) return known;
  const settings = disk.queues.get(parentOf(name))?.row;
  const made = createMemoryQueue(newQueueRow(name, now, settings === undefined ? {} : { ...settings }));
  made.row = { ...made.row, name, createdAt: now };
  disk.queues.set(name, made);
  return made;
}

/** A subqueue without messages is gone. */
function dropIfEmpty(disk: MemoryDisk, queue: MemoryQueue): void {
  if (isSubqueue(queue.row.name) && inQueueOrder(queue).next().done === true)
    disk.queues.delete(queue.row.name);
}
