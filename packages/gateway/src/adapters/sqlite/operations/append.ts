import { headOf } from '../../../core/message-head.ts';
import type { NewMessage } from '../../../ports/gateway-store.ts';
import type { QueueState } from '../queue-states.ts';
import type { Symbols } from '../symbols.ts';
import type { InsertedMessage, InsertMessages } from './insert-messages.ts';
import { sourceName } from './stored-message.ts';

/** Adds new messages to the end of a queue. Returns the bytes they take there. */
export type Append = (queue: QueueState, messages: readonly NewMessage[]) => number;

export function prepareAppend(symbols: Symbols, insert: InsertMessages): Append {
  const source = prepareSource(symbols);
  const inserted = (message: NewMessage): InsertedMessage => {
    const { properties, body, sentAt, arrivedAt, origin, priority, terms, story } = message;
    return {
      sentAt,
      arrivedAt,
      source: source(origin),
      number: origin?.number ?? null,
      head: headOf(message),
      body,
      priority,
      bytes: properties.length + body.length,
      terms,
      story,
    };
  };
  return (queue, messages) => insert(queue, iterate(messages, inserted), messages.length);
}

/** One after the other, so that a group of many megabytes is not there twice. */
function* iterate<From, To>(items: readonly From[], change: (item: From) => To): Generator<To> {
  for (const item of items) yield change(item);
}

/** The symbol of an origin's device and epoch. A run's messages share them, so the last one is at hand. */
function prepareSource(symbols: Symbols): (origin: NewMessage['origin']) => number | null {
  let last: { device: string; epoch: string; version: number; number: number } | undefined;
  return (origin) => {
    if (origin === undefined) return null;
    const { device, epoch } = origin;
    if (
      last === undefined ||
      last.device !== device ||
      last.epoch !== epoch ||
      last.version !== symbols.version
    ) {
      last = {
        device,
        epoch,
        number: symbols.intern('source', sourceName(device, epoch)),
        version: symbols.version,
      };
    }
    return last.number;
  };
}
