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
const NO_BYTES = new Uint8Array(0);

/** Stands before each text where its entry's length and head will be. */
const GAP = '\0'.repeat(ENTRY_HEADER_BYTES + HEAD_BYTES);
/** So much text is written at once. */
const TEXT_UNITS = 32 * 1024;
/** UTF-8 takes at most three bytes for each unit of a string. */
const UNIT_BYTES_MAX = 3;

const encoder = new TextEncoder();

/** A message's id, which writes itself into a segment. */
export interface IdToPack {
  copyTo(target: Uint8Array, at: number): void;
}

/**
 * Messages of one lane, packed one after the other as they will be saved and sent.
 *
 * JSON is gathered and written many messages at a time: a call of the browser's encoder for each would take longer than
 * encoding. What comes after it waits until it is written, so the order stays.
 */
export class MessagePacker {
  readonly lane: Lane;
  readonly savedAt: number;
  readonly suppliedId: MessageId | undefined;
  count = 0;
  #bytes: Uint8Array<ArrayBuffer> = NO_BYTES;
  #length = 0;
  /** JSON that is not written yet, with the ids that belong to it. */
  #texts: string[] = [];
  #ids: IdToPack[] = [];
  #textUnits = 0;

  constructor(lane: Lane, savedAt: number, suppliedId: MessageId | undefined) {
    this.lane = lane;
    this.savedAt = savedAt;
    this.suppliedId = suppliedId;
  }

  /** Bytes so far; a unit of text that is not written yet counts as one. */
  get length(): number {
    return this.#length + this.#textUnits;
  }

  get isFull(): boolean {
    return this.length >= SEGMENT_BYTES || this.count >= SEGMENT_MESSAGES;
  }

  /**
   * Appends a message. Text without properties is JSON: any other names its type.
   *
   * @throws FieldpostError `too-large`: then nothing is appended
   */
  add(id: IdToPack, properties: Uint8Array, body: string | Uint8Array): void {
    if (body.length > LIMITS.bodyBytesMax) throw tooLarge(body.length);
    const isSmall = body.length * UNIT_BYTES_MAX <= LIMITS.bodyBytesMax;
    if (typeof body === 'string' && properties.length === 0 && isSmall) {
      this.#texts.push(body);
      this.#ids.push(id);
      this.#textUnits += GAP.length + body.length;
      if (this.#textUnits >= TEXT_UNITS) this.#writeTexts();
    } else {
      this.#writeTexts();
      this.#write(id, properties, body);
    }
    this.count++;
  }

  /** What is packed, without a copy. */
  get packed(): Uint8Array {
    this.#writeTexts();
    return this.#bytes.subarray(0, this.#length);
  }

  toDraft(): Draft {
    const { lane, count, savedAt, suppliedId } = this;
    const messages = this.#exactBytes();
    return {
      lane,
      count,
      messages,
      savedAt,
      ...(suppliedId === undefined ? {} : { suppliedIds: [suppliedId] }),
    };
  }

  /** In a buffer of their own size: storing a view would store everything behind it. */
  #exactBytes(): Uint8Array {
    if (this.#length > 0) return this.packed.slice();
    // A lone message, most often: its bytes are encoded into their place at once.
    this.#bytes = encoder.encode(this.#joinedTexts());
    this.#length = this.#bytes.length;
    this.#writeHeads(0);
    return this.#bytes;
  }

  #write(id: IdToPack, properties: Uint8Array, body: string | Uint8Array): void {
    const start = this.#length;
    const bodyStart = start + GAP.length + properties.length;
    this.#reserve(bodyStart + (typeof body === 'string' ? body.length * UNIT_BYTES_MAX : body.length));
    const bodyLength = this.#writeBody(body, bodyStart);
    if (bodyLength > LIMITS.bodyBytesMax) throw tooLarge(bodyLength);
    if (properties.length > 0) this.#bytes.set(properties, start + GAP.length);
    this.#length = bodyStart + bodyLength;
    this.#writeHead(id, start, this.#length, properties.length);
  }

  #writeTexts(): void {
    if (this.#texts.length === 0) return;
    const start = this.#length;
    const joined = this.#joinedTexts();
    this.#reserve(start + joined.length * UNIT_BYTES_MAX);
    this.#length += encoder.encodeInto(joined, this.#bytes.subarray(start)).written;
    this.#writeHeads(start);
  }

  #joinedTexts(): string {
    return this.#texts.length === 0 ? '' : GAP + this.#texts.join(GAP);
  }

  /** Fills the gaps before the texts, which are written from `start` to the end. */
  #writeHeads(start: number): void {
    const isAscii = this.#length - start === this.#textUnits;
    let at = start;
    for (const [index, id] of this.#ids.entries()) {
      const bodyStart = at + GAP.length;
      const end = isAscii ? bodyStart + (this.#texts[index] ?? '').length : this.#endOfText(bodyStart);
      this.#writeHead(id, at, end, 0);
      at = end;
    }
    this.#texts = [];
    this.#ids = [];
    this.#textUnits = 0;
  }

  /** The zero bytes of the next gap, or the end: JSON has none, as it writes control characters with a backslash. */
  #endOfText(start: number): number {
    const end = this.#bytes.indexOf(0, start);
    return end === -1 || end > this.#length ? this.#length : end;
  }

  #writeHead(id: IdToPack, start: number, end: number, propertyBytes: number): void {
    const bytes = this.#bytes;
    const length = end - start - ENTRY_HEADER_BYTES;
    bytes[start] = length >>> 24;
    bytes[start + 1] = length >>> 16;
    bytes[start + 2] = length >>> 8;
    bytes[start + 3] = length;
    id.copyTo(bytes, start + ENTRY_HEADER_BYTES);
    bytes[start + GAP.length - 2] = propertyBytes >>> 8;
    bytes[start + GAP.length - 1] = propertyBytes;
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
    const grown = new Uint8Array(Math.max(FIRST_BYTES, bytes, this.#bytes.length * 2));
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
