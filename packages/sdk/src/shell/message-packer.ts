import { ENTRY_HEADER_BYTES, LIMITS, type MessageId } from '@fieldpost/protocol';
import { FieldpostError } from '../core/fieldpost-error.ts';
import type { Draft } from '../core/save/plan-save.ts';
import type { Lane, TransactionPart } from '../ports/outbox-store.ts';

/** When a segment is full: large enough to be worth a transaction, small enough to travel whole in one push. */
const SEGMENT_BYTES = 192 * 1024;
const SEGMENT_MESSAGES = 1024;
/** Id, and the length of the properties. */
const HEAD_BYTES = 18;

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
  #expiresInMs = Number.POSITIVE_INFINITY;
  /** What is written, in the order of the messages. */
  #parts: Uint8Array<ArrayBuffer>[] = [];
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

  /** Notes that a message of this segment has so many milliseconds to reach its queue, or to live. */
  expireIn(milliseconds: number): void {
    this.#expiresInMs = Math.min(this.#expiresInMs, milliseconds);
  }

  /**
   * Appends a message. Text without properties is JSON; every other body has a type among its properties.
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

  /** What is packed, in a buffer of its own size: storing a view would store everything behind it. */
  get packed(): Uint8Array {
    this.#writeTexts();
    const [first, second] = this.#parts;
    if (first !== undefined && second === undefined) return first;
    const whole = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      whole.set(part, at);
      at += part.length;
    }
    this.#parts = [whole];
    return whole;
  }

  toDraft(part?: TransactionPart): Draft {
    const { lane, count, packed: messages, savedAt, suppliedId } = this;
    const expiresInMs = this.#expiresInMs;
    return {
      lane,
      count,
      messages,
      savedAt,
      ...(suppliedId === undefined ? {} : { suppliedIds: [suppliedId] }),
      ...(expiresInMs === Number.POSITIVE_INFINITY ? {} : { expiresInMs }),
      ...(part === undefined ? {} : { part }),
    };
  }

  #write(id: IdToPack, properties: Uint8Array, body: string | Uint8Array): void {
    const content = typeof body === 'string' ? encoder.encode(body) : body;
    if (content.length > LIMITS.bodyBytesMax) throw tooLarge(content.length);
    const part = new Uint8Array(GAP.length + properties.length + content.length);
    writeHead(part, id, 0, part.length, properties.length);
    part.set(properties, GAP.length);
    part.set(content, GAP.length + properties.length);
    this.#add(part);
  }

  /** Writes what was gathered: the texts with one call, then what stands in the gaps between them. */
  #writeTexts(): void {
    const texts = this.#texts;
    if (texts.length === 0) return;
    const part = encoder.encode(GAP + texts.join(GAP));
    const isAscii = part.length === this.#textUnits;
    let at = 0;
    for (const [index, id] of this.#ids.entries()) {
      const bodyStart = at + GAP.length;
      const end = isAscii ? bodyStart + (texts[index] ?? '').length : endOfText(part, bodyStart);
      writeHead(part, id, at, end, 0);
      at = end;
    }
    this.#texts = [];
    this.#ids = [];
    this.#textUnits = 0;
    this.#add(part);
  }

  #add(part: Uint8Array<ArrayBuffer>): void {
    this.#parts.push(part);
    this.#length += part.length;
  }
}

/** The zero bytes of the next gap, or the end: JSON has none, as it writes control characters with a backslash. */
function endOfText(bytes: Uint8Array, start: number): number {
  const end = bytes.indexOf(0, start);
  return end === -1 ? bytes.length : end;
}

function writeHead(bytes: Uint8Array, id: IdToPack, start: number, end: number, propertyBytes: number): void {
  const length = end - start - ENTRY_HEADER_BYTES;
  bytes[start] = length >>> 24;
  bytes[start + 1] = length >>> 16;
  bytes[start + 2] = length >>> 8;
  bytes[start + 3] = length;
  id.copyTo(bytes, start + ENTRY_HEADER_BYTES);
  bytes[start + GAP.length - 2] = propertyBytes >>> 8;
  bytes[start + GAP.length - 1] = propertyBytes;
}

function tooLarge(bytes: number): FieldpostError {
  return new FieldpostError(
    'too-large',
    `body: ${bytes} bytes; a message carries at most ${LIMITS.bodyBytesMax}. Send a reference to larger things`,
  );
}
