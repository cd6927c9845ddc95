import { hash } from 'node:crypto';
import {
  type DeviceId,
  type EpochId,
  type MessageId,
  type StreamKey,
  streamKeyText,
} from '@fieldpost/protocol';
import type { Delivery } from '@fieldpost/sdk';

/**
 * Everything that really happened in a world, as only somebody who sees all of it can know. The checkers judge by this
 * and by nothing that a program of ours believes.
 */
export class History {
  /** Every message that was ever on a device's disk, by id. */
  readonly saved = new Map<MessageId, SavedMessage>();
  /** Messages committed into queues, in order of commit. */
  readonly arrivals: Arrival[] = [];
  /** What consumers sent in the transactions that settled visits. */
  readonly invoices: Invoice[] = [];
  readonly claims: Claim[] = [];
  readonly backups: StoreEvent[] = [];
  readonly handOuts: HandOut[] = [];
  readonly settlements: SettledReceipt[] = [];
  /** When gateways had the store end what had run out, each by its own clock. */
  readonly sweeps: { readonly now: number; readonly sequence: number }[] = [];
  readonly bookings: Booking[] = [];
  /** By message id: what an app was told of it, by the tab that it asked. */
  readonly told: { readonly id: MessageId; readonly tab: string; readonly delivery: Delivery }[] = [];
  /** What the apps sent, by key. */
  readonly sends = new Map<number, AppSend>();
  /** What must never happen and was seen at once: an exception of ours, an answer to somebody who may not ask. */
  readonly scandals: Scandal[] = [];
  /** By stream: messages by their number. */
  readonly #numbered = new Map<string, SavedMessage[]>();
  #sequence = 0;

  /** The place of an event among all events. */
  next(): number {
    return ++this.#sequence;
  }

  /** A message is on a disk. Its number is its own for ever. */
  save(message: SavedMessage): void {
    const text = streamKeyText(message.stream);
    const numbered = this.#numbered.get(text) ?? [];
    this.#numbered.set(text, numbered);
    if (numbered[message.number] !== undefined || this.saved.has(message.id)) {
      const detail = `${message.device}: number ${message.number} of ${text} or id ${message.id} was given twice`;
      this.scandals.push({ checker: 'identity', detail });
    }
    numbered[message.number] = message;
    this.saved.set(message.id, message);
  }

  savedUnder(stream: StreamKey, number: number): SavedMessage | undefined {
    return this.#numbered.get(streamKeyText(stream))?.[number];
  }

  storeBackedUp(file: string): void {
    this.backups.push({ type: 'backed-up', file, sequence: this.next() });
  }

  /** Messages that were in their queues before the store went back, and are not there again; those of a damaged or lost disk aside. */
  findForgotten(logs: readonly ReadonlySet<SavedMessage>[]): SavedMessage[] {
    const undone = new Set<MessageId>();
    for (const { id, undoneAt } of this.arrivals) if (undoneAt !== undefined) undone.add(id);
    for (const { id, undoneAt } of this.arrivals) if (undoneAt === undefined) undone.delete(id);
    return [...undone].flatMap((id) => {
      const message = this.saved.get(id);
      if (message === undefined || message.isDamaged || message.isExcused) return [];
      return logs.some((log) => log.has(message)) ? [message] : [];
    });
  }

  /** The store is as it was at that backup: what came later never was. */
  storeWentBack(file: string): void {
    const made = this.backups.findLast((event) => event.type === 'backed-up' && event.file === file);
    const sequence = this.next();
    for (const arrival of [...this.arrivals, ...this.invoices])
      if (arrival.sequence > (made?.sequence ?? 0)) arrival.undoneAt ??= sequence;
    this.backups.push({ type: 'went-back', file, sequence });
  }

  hear(id: MessageId, tab: string, delivery: Delivery): void {
    this.told.push({ id, tab, delivery });
  }

  claim(message: SavedMessage, code: string | undefined): void {
    this.claims.push({ message, code, sequence: this.next() });
  }
}

/** One call of `send()`. */
export interface AppSend {
  readonly key: number;
  readonly device: string;
  readonly queue: string;
  readonly priority: number;
  readonly body: Body;
  /** The id that the app gave it. */
  readonly supplied: MessageId | undefined;
  /** `unknown`: the tab died, or was told that it is not known. */
  outcome: 'running' | 'saved' | 'failed' | 'unknown';
  id: MessageId | undefined;
}

/** What the apps send: a booking, with filling to give it a size. */
export interface Body {
  readonly key: number;
  readonly device: string;
  readonly amount: number;
  readonly text: string;
}

/** A message on a device's disk. */
export interface SavedMessage {
  readonly id: MessageId;
  readonly device: string;
  readonly deviceId: DeviceId;
  readonly stream: StreamKey;
  readonly number: number;
  readonly bodyBytes: number;
  readonly bodyHash: string;
  readonly sequence: number;
  /** Its stored copy was made unreadable. */
  isDamaged: boolean;
  /** The disk that held it went back to before it, or was lost. */
  isExcused: boolean;
}

/** A message that the gateways committed. */
export interface Arrival {
  readonly id: MessageId;
  readonly queue: string;
  readonly priority: number;
  readonly device: DeviceId;
  readonly epoch: EpochId;
  readonly number: number;
  readonly bodyHash: string;
  readonly sequence: number;
  /** When the store went back to before it. */
  undoneAt: number | undefined;
}

/** A message that a consumer sent for a visit. */
export interface Invoice {
  readonly id: MessageId;
  /** The visit that it is for. */
  readonly visit: string;
  readonly sequence: number;
  /** When the store went back to before it. */
  undoneAt: number | undefined;
}

export interface InvoiceBody {
  readonly visit: MessageId;
}

/** A device wrote down that a message is done with: from here on it may forget it. */
export interface Claim {
  readonly message: SavedMessage;
  /** Undefined: delivered. Else the code under which it was set aside. */
  readonly code: string | undefined;
  readonly sequence: number;
}

/** The gateways' store was copied, or became such a copy. */
export interface StoreEvent {
  readonly type: 'backed-up' | 'went-back';
  readonly file: string;
  readonly sequence: number;
}

export interface HandOut {
  readonly id: MessageId;
  readonly queue: string;
  readonly receipt: string;
  /** By the clock of the gateway that handed it out. */
  readonly now: number;
  readonly until: number;
  /** The same for all that one call handed out. */
  readonly batch: number;
  readonly sequence: number;
}

export interface SettledReceipt {
  readonly queue: string;
  readonly receipt: string;
  readonly type: 'ack' | 'nack' | 'reject' | 'extend' | 'release';
  readonly now: number;
  /** Undefined when it was done. */
  readonly code: string | undefined;
  /** After an extend. */
  readonly until: number | undefined;
  readonly sequence: number;
}

/** A consumer did its work for a message: once for each id, as its own database sees to it. */
export interface Booking {
  readonly id: MessageId;
  readonly queue: string;
  readonly consumer: string;
  readonly body: unknown;
  readonly sequence: number;
}

export interface Scandal {
  readonly checker: 'isolation' | 'faultless' | 'identity';
  readonly detail: string;
}

/** SHA-256 of a body, for comparison. */
export function hashBody(body: Uint8Array): string {
  return hash('sha256', body, 'base64');
}
