import {
  decodeMessage,
  DEFAULT_CONTENT_TYPE,
  type MessageId,
  type MessageProperties,
  type StreamKey,
  streamKeyText,
} from '@fieldpost/protocol';
import type { Outbox, OutboxFilter, OutboxMessage, OutboxMessageState } from '../api/outbox.ts';
import type { CancelOutcome, Delivery, Sent } from '../api/sent.ts';
import { FieldpostError } from '../core/fieldpost-error.ts';
import { entryAt, messageIdOf } from '../core/outbox/entry-walk.ts';
import { stateOfCode } from '../core/outbox/fate-state.ts';
import type {
  DeadLetter,
  Lane,
  MessagePlace,
  OutboxStore,
  Skip,
  StoredSegment,
} from '../ports/outbox-store.ts';
import type { Deliveries } from './deliveries.ts';
import { checkMessageId } from './send-options.ts';

const LIMIT_DEFAULT = 1000;
const LOAD_BYTES = 1024 * 1024;

export interface OutboxViewOptions {
  readonly store: OutboxStore;
  readonly deliveries: Deliveries;
  /** Throws when the connection object is closed. */
  readonly assertOpen: () => void;
  /** Sends in the place of a message that was set aside. */
  readonly resend: (lane: Lane, body: unknown, properties: MessageProperties) => Promise<Sent>;
  /** The list of dead letters has changed. */
  readonly lettersChanged: () => void;
  /** Messages were taken back, for good or if it is not too late. */
  readonly takenBack: (skips: readonly Skip[]) => void;
}

/** The messages on this device, read from the store at each call. */
export class OutboxView implements Outbox {
  readonly #options: OutboxViewOptions;

  constructor(options: OutboxViewOptions) {
    this.#options = options;
  }

  async list(filter: OutboxFilter = {}): Promise<readonly OutboxMessage[]> {
    this.#options.assertOpen();
    const { state, queue, limit = LIMIT_DEFAULT } = filter;
    const messages: OutboxMessage[] = [];
    const isWanted = (message: { stream: StreamKey; state: OutboxMessageState }): boolean =>
      (state === undefined || message.state === state) &&
      (queue === undefined || message.stream.queue === queue);
    if (state !== 'pending') {
      for (const letter of await this.#options.store.listDeadLetters()) {
        if (messages.length >= limit) return messages;
        if (isWanted(letter)) messages.push(this.#letter(letter));
      }
    }
    if (state === undefined || state === 'pending') await this.#listPending(messages, limit, isWanted);
    return messages.toSorted((a, b) => a.savedAt - b.savedAt);
  }

  async get(id: MessageId | string): Promise<OutboxMessage | undefined> {
    this.#options.assertOpen();
    const found = await this.#options.store.find(checkMessageId(id));
    if (found === undefined) return undefined;
    if (found.deadLetter !== undefined) return this.#letter(found.deadLetter);
    const { stream, number, savedAt, message, acknowledged, code } = found;
    const checked = checkMessageId(id);
    const known = { id: checked, stream, number, savedAt, message };
    if (code !== undefined) return this.#message({ ...known, state: stateOfCode(code), code });
    return this.#message({ ...known, state: acknowledged ? 'delivered' : 'pending' });
  }

  async cancel(id: MessageId | string): Promise<CancelOutcome> {
    this.#options.assertOpen();
    const checked = checkMessageId(id);
    const found = await this.#options.store.find(checked);
    if (found === undefined)
      throw new FieldpostError('not-found', `no message ${checked} is known on this device`);
    return found.deadLetter === undefined ? this.cancelAt(found) : 'set-aside';
  }

  /** Takes the message in this place back. */
  async cancelAt({ stream, number }: MessagePlace): Promise<CancelOutcome> {
    const { store, deliveries, takenBack, assertOpen } = this.#options;
    assertOpen();
    const result = await store.cancel({ stream, number });
    if (result.outcome === 'settled') return outcomeOf(result.code);
    takenBack(result.skips);
    if (result.outcome === 'cancelled') return result.outcome;
    const { outcome } = await deliveries.wait(stream, number);
    if (outcome === 'delivered') return 'already-delivered';
    if (outcome === 'cancelled') return outcome;
    if (outcome !== 'closed') return 'set-aside';
    throw new FieldpostError('closed', 'close() was called before it was known whether the message was sent');
  }

  async retry(id: MessageId | string, body?: unknown): Promise<Sent> {
    this.#options.assertOpen();
    const checked = checkMessageId(id);
    const letter = (await this.#options.store.find(checked))?.deadLetter;
    if (letter === undefined) {
      throw new FieldpostError(
        'not-found',
        `no message ${checked} is set aside here: only those can be sent once more`,
      );
    }
    const old = letter.message === undefined ? undefined : decodeMessage(letter.message);
    if (old === undefined && body === undefined) {
      throw new FieldpostError(
        'not-serialisable',
        `the saved copy of ${checked} is damaged: give a body to send in its place`,
      );
    }
    const { contentType, ...kept } = old?.properties ?? {};
    const { queue, priority } = letter.stream;
    const resent = body === undefined && old !== undefined ? new SavedBody(old.body, contentType) : body;
    const sent = await this.#options.resend({ queue, priority }, resent, { ...kept, replaces: checked });
    await this.discard(checked);
    return sent;
  }

  async discard(id: MessageId | string): Promise<boolean> {
    this.#options.assertOpen();
    const wasThere = await this.#options.store.discardDeadLetter(checkMessageId(id));
    if (wasThere) this.#options.lettersChanged();
    return wasThere;
  }

  async #listPending(
    messages: OutboxMessage[],
    limit: number,
    isWanted: (message: { stream: StreamKey; state: OutboxMessageState }) => boolean,
  ): Promise<void> {
    const { store } = this.#options;
    const log = await store.readLog();
    const acknowledged = new Map(log.streams.map((mark) => [streamKeyText(mark.stream), mark.acknowledged]));
    const skipped = new Set(log.skips.filter(({ isFinal }) => isFinal).map(({ id }) => id));
    let after = log.settledUpTo;
    for (;;) {
      const segments = await store.loadSegments({ after, bytesMax: LOAD_BYTES });
      const last = segments.at(-1);
      if (last === undefined) return;
      after = last.position;
      for (const segment of segments) {
        if (!isWanted({ stream: segment.stream, state: 'pending' }) || segment.messages === undefined)
          continue;
        const from = Math.max(segment.first, (acknowledged.get(streamKeyText(segment.stream)) ?? 0) + 1);
        for (let number = from; number < segment.first + segment.count; number++) {
          if (messages.length >= limit) return;
          const entry = entryAt(segment.messages, number - segment.first);
          if (!skipped.has(messageIdOf(entry))) messages.push(this.#pending(segment, entry, number));
        }
      }
    }
  }

  #pending(segment: StoredSegment, entry: Uint8Array, number: number): OutboxMessage {
    const message = entry.slice();
    const { stream, savedAt } = segment;
    return this.#message({ id: messageIdOf(message), stream, number, savedAt, message, state: 'pending' });
  }

  #letter(letter: DeadLetter): OutboxMessage {
    const { id, stream, number, savedAt, message, state, code } = letter;
    return this.#message({ id, stream, number, savedAt, message, state, code });
  }

  #message(known: KnownMessage): OutboxMessage {
    const read = known.message === undefined ? undefined : decodeMessage(known.message);
    const { contentType = DEFAULT_CONTENT_TYPE, headers = {}, ...properties } = read?.properties ?? {};
    return {
      id: known.id,
      queue: known.stream.queue,
      priority: known.stream.priority,
      state: known.state,
      ...(known.code === undefined ? {} : { code: known.code }),
      savedAt: known.savedAt,
      ...properties,
      headers,
      contentType,
      body: read === undefined ? undefined : readBody(read.body, contentType),
      delivered: this.#deliveryOf(known),
      cancel: () => this.cancelAt(known),
    };
  }

  #deliveryOf({ state, code = state, stream, number }: KnownMessage): Promise<Delivery> {
    switch (state) {
      case 'pending':
        return this.#options.deliveries.wait(stream, number);
      case 'delivered':
      case 'cancelled':
        return Promise.resolve({ outcome: state });
      case 'refused':
      case 'expired':
      case 'unreadable':
      case 'in-doubt':
        return Promise.resolve({ outcome: state, code });
    }
  }
}

/** What became of a message that cannot be taken back any more. */
function outcomeOf(code: string | undefined): CancelOutcome {
  if (code === undefined) return 'already-delivered';
  return stateOfCode(code) === 'cancelled' ? 'cancelled' : 'set-aside';
}

/** A body as it was saved. */
export class SavedBody {
  readonly content: Uint8Array;
  readonly contentType: string | undefined;

  constructor(content: Uint8Array, contentType: string | undefined) {
    this.content = content;
    this.contentType = contentType;
  }
}

interface KnownMessage {
  readonly id: MessageId;
  readonly stream: StreamKey;
  readonly number: number;
  readonly savedAt: number;
  readonly message: Uint8Array | undefined;
  readonly state: OutboxMessageState;
  readonly code?: string;
}

/** A body as it was given to `send`; bytes, when it does not keep what its content type says. */
function readBody(body: Uint8Array, contentType: string): unknown {
  const isJson = /^application\/(?:[^;\s]+\+)?json\s*(?:;|$)/i.test(contentType);
  if (!isJson && !/^text\//i.test(contentType)) return body;
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
    return isJson ? JSON.parse(text) : text;
  } catch {
    return body;
  }
}
