import type { PeekedMessage } from '../ports/gateway-store.ts';
import { isDeadLetterQueue, isJournal } from './queue-address.ts';

/** One thing that happened to a message. Times in Unix milliseconds. */
type HistoryEvent =
  | { readonly event: 'saved'; readonly at: number }
  | { readonly event: 'reached'; readonly at: number; readonly queue: string }
  /** It left a queue, for the reason that the code says. */
  | {
      readonly event: 'left';
      readonly at: number;
      readonly queue: string;
      readonly code: string;
      readonly reason?: string;
      readonly deliveryCount: number;
    };

/** What became of a message in one place where it is, or a copy of it. */
export interface MessageHistory {
  readonly queue: string;
  /** Undefined while it waits to be consumed. */
  readonly fate?: { readonly code: string; readonly at: number };
  readonly events: readonly HistoryEvent[];
}

/** The history of a message that stands in `queue`. */
export function historyOf(queue: string, message: PeekedMessage): MessageHistory {
  const entries = message.story?.entries ?? [];
  const last = entries.at(-1);
  // What stands there has ended; everywhere else it may still be consumed, again after a redrive.
  const hasEnded = isDeadLetterQueue(queue) || isJournal(queue);
  return {
    queue,
    ...(hasEnded && last !== undefined ? { fate: { code: last.code, at: last.at } } : {}),
    events: [
      { event: 'saved', at: message.sentAt },
      { event: 'reached', at: message.arrivedAt, queue: entries[0]?.queue ?? queue },
      ...entries.map(({ queue: from, code, reason, at, deliveries }) => {
        const given = reason === undefined ? {} : { reason };
        return { event: 'left' as const, at, queue: from, code, ...given, deliveryCount: deliveries };
      }),
    ],
  };
}
