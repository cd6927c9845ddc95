import type Database from 'better-sqlite3';
import { journalRoom } from '../../../core/journal-room.ts';
import { continueStory } from '../../../core/message-story.ts';
import {
  deadLetterQueueOf,
  isDeadLetterQueue,
  isJournal,
  isSubqueue,
  journalOf,
} from '../../../core/queue-address.ts';
import { newQueueRow } from '../../../core/queue-settings.ts';
import type { DeliveryTerms } from '../../../ports/gateway-store.ts';
import type { Notices } from '../notices.ts';
import type { QueueState, QueueStates } from '../queue-states.ts';
import type { InsertedMessage, InsertMessages } from './insert-messages.ts';
import type { PutQueue } from './put-queue.ts';
import { priorityOfRow } from './stored-message.ts';
import type { TakenMessage, TakeOut } from './take-out.ts';

/** Why a message leaves its queue. */
export interface Leaving {
  readonly code: string;
  readonly reason?: string;
}

/**
 * What becomes of messages that leave their queue. Everything that ends a message goes through `end` or `deadLetter`:
 * here stands what "message X ended with fate Y" means for the store.
 */
export interface EndMessages {
  /** The messages are gone, each with its fate: consumed (`received`), expired, purged. */
  end(queue: QueueState, fates: ReadonlyMap<number, Leaving>, now: number): void;
  /** The messages are dead letters now. */
  deadLetter(queue: QueueState, fates: ReadonlyMap<number, Leaving>, now: number): void;
  /** The messages go to the end of another queue; `leaving` says how their story goes on. */
  move(
    queue: QueueState,
    keys: Iterable<number>,
    target: string,
    leaving: (key: number) => Leaving,
    now: number,
    terms?: (message: TakenMessage) => DeliveryTerms,
  ): void;
}

export interface EndingParts {
  readonly queues: QueueStates;
  readonly takeOut: TakeOut;
  readonly insert: InsertMessages;
  readonly putQueue: PutQueue;
  readonly notices: Notices;
  /** Told of messages that ended without a copy, because the journal is full. */
  readonly onUnjournaled: (queue: string, messages: number) => void;
}

export function prepareEndMessages(database: Database.Database, parts: EndingParts): EndMessages {
  const { queues, takeOut, insert, putQueue, notices, onUnjournaled } = parts;
  const deleteRow = database.prepare('DELETE FROM queues WHERE number = ? AND messages = 0');

  const subqueue = (name: string, now: number): QueueState => {
    const known = queues.find(name);
    if (known !== undefined) return known;
    putQueue(newQueueRow(name, now));
    return queues.get(name);
  };
  /** A subqueue without messages is gone. */
  const dropIfEmpty = (queue: QueueState): void => {
    if (queue.messages > 0 || !isSubqueue(queue.row.name)) return;
    deleteRow.run(queue.number);
    queues.forget(queue.row.name);
  };
  const put = (
    target: QueueState,
    from: string,
    taken: readonly TakenMessage[],
    leaving: (key: number) => Leaving,
    now: number,
    terms?: (message: TakenMessage) => DeliveryTerms,
  ): void => {
    const inserted = taken.map((message): InsertedMessage => {
      const entry = { queue: from, at: now, ...leaving(message.key) };
      return {
        ...movedMessage(message),
        terms: terms?.(message),
        story: continueStory(message.story, entry, message.deliveries),
      };
    });
    insert(target, inserted, inserted.length);
  };
  const move: EndMessages['move'] = (queue, keys, target, leaving, now, terms) => {
    const taken = takeOut.take(queue, keys, now);
    put(subqueue(target, now), queue.row.name, taken, leaving, now, terms);
    dropIfEmpty(queue);
  };

  return {
    move,
    deadLetter(queue, fates, now) {
      const leaving = (key: number): Leaving => fates.get(key) ?? { code: 'internal' };
      if (queue.has.asks) notices.tell(fates.keys(), leaving, now);
      move(queue, fates.keys(), deadLetterQueueOf(queue.row.name), leaving, now);
    },
    end(queue, fates, now) {
      const { name, journal, journalRetentionMs } = queue.row;
      const isCopied = journal && !isJournal(name) && !isDeadLetterQueue(name);
      const leaving = (key: number): Leaving => fates.get(key) ?? { code: 'internal' };
      if (queue.has.asks) notices.tell(fates.keys(), leaving, now);
      if (!isCopied) takeOut.discard(queue, fates.keys(), now);
      else {
        const taken = takeOut.take(queue, fates.keys(), now);
        const journalQueue = subqueue(journalOf(name), now);
        const sizes = taken.map(({ bytes }) => bytes);
        const room = journalRoom(queue.row, journalQueue, sizes);
        put(journalQueue, name, taken.slice(0, room), leaving, now, () => ({
          expiresAt: now + journalRetentionMs,
        }));
        if (room < taken.length) onUnjournaled(name, taken.length - room);
        dropIfEmpty(journalQueue);
      }
      dropIfEmpty(queue);
    },
  };
}

function movedMessage(message: TakenMessage): Omit<InsertedMessage, 'terms' | 'story'> {
  return {
    sentAt: message.sent_at,
    arrivedAt: message.arrived_at,
    source: message.source,
    number: message.number,
    head: message.head,
    body: message.body,
    priority: priorityOfRow(message),
    bytes: message.bytes,
  };
}
