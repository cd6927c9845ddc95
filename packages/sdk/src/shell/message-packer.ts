import { ENTRY_HEADER_BYTES, LIMITS, type MessageId } from '@fieldpost/protocol';
import { FieldpostError } from '../core/fieldpost-error.ts';
import type { Draft } from '../core/save/plan-save.ts';
import type { Lane } from '../ports/outbox-store.ts';

/** When a segment is full: large enough to be worth a transaction, small enough to travel whole in one push. */
const SEGMENT_BYTES = 192 * 1024;
const SEGMENT_MESSAGES = 1024;
const FIRST_BYTES = 1024;
/** Id, and the length of the properties. */
const HEAD_BYTES = 18;

const encoder = new TextEncoder();

/** The parts of one message. */
export interface MessageToPack {
  readonly id: Uint8Array;
  readonly properties: Uint8Array;
  /** Text is written as UTF-8 straight into the segment: the body exists once. */
  readonly body: string | Uint8Array;
}

/** Messages of one lane, packed one after the other as they will be saved and sent. */
export class MessagePacker {
  readonly lane: Lane;
  readonly savedAt: number;
  readonly suppliedId: MessageId | undefined;
  count = 0;
  #bytes = new Uint8Array(FIRST_BYTES);
  #length = 0;

  constructor(lane: Lane, savedAt: number, suppliedId: MessageId | undefined) {
    this.lane = lane;
    this.savedAt = savedAt;
    this.suppliedId = suppliedId;
  }

  get length(): number {
    return this.#length;
  }

  get isFull(): boolean {
    return this.#length >= SEGMENT_BYTES || this.count >= SEGMENT_MESSAGES;
  }

  /**
   * Appends a message.
   *
   * @throws FieldpostError `too-large`: then nothing is appended
   */
  add(message: MessageToPack): void {
    const { id, properties, body } = message;
    const start = this.#length;
    const bodyStart = start + ENTRY_HEADER_BYTES + HEAD_BYTES + properties.length;
    // UTF-8 takes at most three bytes for each unit of a string.
    if (body.length > LIMITS.bodyBytesMax) throw tooLarge(body.length);
    this.#reserve(bodyStart + (typeof body === 'string' ? body.length * 3 : body.length));
    const bodyLength = this.#writeBody(body, bodyStart);
    if (bodyLength > LIMITS.bodyBytesMax) throw tooLarge(bodyLength);
    const bytes = this.#bytes;
    const length = HEAD_BYTES + properties.length + bodyLength;
    bytes[start] = length >>> 24;
    bytes[start + 1] = length >>> 16;
    bytes[start + 2] = length >>> 8;
    bytes[start + 3] = length;
    bytes.set(id, start + ENTRY_HEADER_BYTES);
    bytes[start + ENTRY_HEADER_BYTES + 16] = properties.length >>> 8;
    bytes[start + ENTRY_HEADER_BYTES + 17] = properties.length;
    if (properties.length > 0) bytes.set(properties, start + ENTRY_HEADER_BYTES + HEAD_BYTES);
    this.#length = bodyStart + bodyLength;
    this.count++;
  }

  /** What is packed, without a copy. */
  get packed(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  toDraft(): Draft {
    const { lane, count, savedAt, suppliedId } = this;
    // A copy of its own size: storing a view would store everything behind it.
    const messages = this.#bytes.slice(0, this.#length);
    return {
      lane,
      count,
      messages,
      savedAt,
      ...(suppliedId === undefined ? {} : { suppliedIds: [suppliedId] }),
    };
  }

  #writeBody(body: string | Uint8Array, at: number): number {
    if (typeof body !== 'string') {
      this.#bytes.set(body, at);
      return body.length;
    }
    return encoder.encodeInto(body, this.#bytes.subarray(at)).written;
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(bytes, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

function tooLarge(bytes: number): FieldpostError {
  return new FieldpostError(
    'too-large',
    `body: ${bytes} bytes; a message carries at most ${LIMITS.bodyBytesMax}. Send a reference to larger things`,
  );
}
