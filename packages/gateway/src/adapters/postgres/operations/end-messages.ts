import { journalRoom } from '../../../core/journal-room.ts';
import { continueStory } from '../../../core/message-story.ts';
import {
  deadLetterQueueOf,
  isDeadLetterQueue,
  isJournal,
  isSubqueue,
  journalOf,
  parentOf,
} from '../../../core/queue-address.ts';
import { newQueueRow } from '../../../core/queue-settings.ts';
import type { DeliveryTerms } from '../../../ports/gateway-store.ts';
import type { InsertedMessage } from '../message-inserts.ts';
import type { LeavingMessages } from '../notices.ts';
import { TryAgain } from '../postgres-error.ts';
import type { QueueState } from '../queue-rows.ts';
import { count, type QueueWork } from '../queue-work.ts';
import { priorityOfRow, storyOfRow } from '../stored-message.ts';
import { discard, type TakenMessage, takeOut } from './take-out.ts';

/** The messages are gone, each with its fate: consumed (`received`), expired, purged. */
export async function endMessages(
  work: QueueWork,
  queue: QueueState,
  fates: LeavingMessages,
  now: number,
): Promise<void> {
  const { name, journal } = queue.row;
  const isCopied = journal && !isJournal(name) && !isDeadLetterQueue(name);
  if (isCopied) await copyToJournal(work, queue, await takeOut(work, queue, fates, now, 'ended'), fates, now);
  else await discard(work, queue, fates, now);
  await dropIfEmpty(work, name);
}

/** The messages are dead letters now. */
export function deadLetter(
  work: QueueWork,
  queue: QueueState,
  fates: LeavingMessages,
  now: number,
): Promise<void> {
  return move(work, queue, fates, { target: deadLetterQueueOf(queue.row.name), how: 'ended', now });
}

/** The messages go to the end of another queue. */
export function moveMessages(
  work: QueueWork,
  queue: QueueState,
  fates: LeavingMessages,
  going: Pick<Going, 'target' | 'now' | 'terms'>,
): Promise<void> {
  return move(work, queue, fates, { ...going, how: 'moved' });
}

/** Where messages go, and whether they have ended by it. */
interface Going {
  readonly target: string;
  readonly how: 'ended' | 'moved';
  readonly now: number;
  /** What a message asks of the queue that it comes to. */
  readonly terms?: (message: TakenMessage) => DeliveryTerms;
}

async function move(
  work: QueueWork,
  queue: QueueState,
  fates: LeavingMessages,
  { target, how, now, terms }: Going,
): Promise<void> {
  const taken = await takeOut(work, queue, fates, now, how);
  await lockOrMake(work, target, now);
  await put(work, target, queue.row.name, taken, { fates, now, terms });
  await dropIfEmpty(work, queue.row.name);
}

async function copyToJournal(
  work: QueueWork,
  queue: QueueState,
  taken: readonly TakenMessage[],
  fates: LeavingMessages,
  now: number,
): Promise<void> {
  const { name, journalRetentionMs } = queue.row;
  const journal = journalOf(name);
  await lockOrMake(work, journal, now);
  const held = (await work.queues.held(name)).find((other) => other.name === journal);
  const sizes = taken.map(({ bytes }) => bytes);
  const room = journalRoom(queue.row, held ?? { messages: 0, bytes: 0 }, sizes);
  const terms = (): DeliveryTerms => ({ expiresAt: now + journalRetentionMs });
  await put(work, journal, name, taken.slice(0, room), { fates, now, terms });
  if (room < taken.length) count(work.unjournaled, name, taken.length - room);
  await dropIfEmpty(work, journal);
}

interface Putting {
  readonly fates: LeavingMessages;
  readonly now: number;
  readonly terms: ((message: TakenMessage) => DeliveryTerms) | undefined;
}

async function put(
  work: QueueWork,
  target: string,
  from: string,
  taken: readonly TakenMessage[],
  { fates, now, terms }: Putting,
): Promise<void> {
  const inserted = taken.map((message): InsertedMessage => {
    const leaving = fates.get(message.key) ?? { code: 'internal' };
    return {
      sentAt: message.sent_at,
      arrivedAt: message.arrived_at,
      number: message.number,
      epoch: message.epoch,
      device: message.device,
      head: message.head,
      body: message.body,
      priority: priorityOfRow(message),
      bytes: message.bytes,
      terms: terms?.(message),
      story: continueStory(storyOfRow(message), { queue: from, at: now, ...leaving }, message.deliveries),
    };
  });
  await work.insert(target, inserted);
}

/** Locks a queue that messages go to. A subqueue is made by the first of them. */
async function lockOrMake(work: QueueWork, name: string, now: number): Promise<void> {
  const { queues } = work;
  await queues.lock([name]);
  if (queues.find(name) !== undefined) return;
  const parent = parentOf(name);
  if (isSubqueue(name)) await queues.lock([parent]);
  // Whoever makes a subqueue has its queue locked: now nobody else does.
  queues.forget(name);
  await queues.lock([name]);
  if (queues.find(name) !== undefined) return;
  if (!isSubqueue(name) || queues.find(parent) === undefined)
    throw new TryAgain(`queue "${parent}" was deleted by another transaction`);
  await queues.put(newQueueRow(name, now));
  await work.write();
}

/** A subqueue without messages is gone. */
async function dropIfEmpty(work: QueueWork, name: string): Promise<void> {
  if (!isSubqueue(name)) return;
  if (!(await work.removals.dropIfEmpty(name))) return;
  work.queues.forget(name);
  work.hasDropped = true;
}
