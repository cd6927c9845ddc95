import { type EpochId, isQueueName, isUuid, LIMITS } from '@fieldpost/protocol';
import type { SegmentKey } from '../../ports/outbox-store.ts';

/**
 * The key under which a segment is stored tells all that is known of it but its messages, so that counting, trimming and
 * an epoch's tail need no values, and a segment whose value cannot be read can still be skipped:
 *
 *     position (8 bytes, big-endian) ‖ first (8) ‖ count (4) ‖ bytes (4) ‖ savedAt (8, a float64) ‖ priority (1) ‖
 *     epoch (32, hexadecimal) ‖ write (36, a UUID) ‖ queue (the rest)
 *
 * Behind a priority with the bit `EXPIRES` stands when the first of the messages expires (8, a float64), behind one with
 * the bit `PART` which part of a transaction it is (2), and of how many (2).
 *
 * Binary, because it is compared byte by byte (so by position), and because an array key of the same parts made an awaited
 * put 5 % slower. The ids stay text: they need no reading of digits.
 */
const HEAD_BYTES = 33;
const EXPIRES = 0x10;
const EXPIRES_BYTES = 8;
const PART = 0x20;
const PART_BYTES = 4;
const EPOCH_CHARACTERS = 32;
const UUID_CHARACTERS = 36;
const TEXT_BYTES_MIN = EPOCH_CHARACTERS + UUID_CHARACTERS + 1;
const TEXT_BYTES_MAX = TEXT_BYTES_MIN - 1 + LIMITS.queueNameCharacters;

const decoder = new TextDecoder();

/** A segment's key with the id of the write that saved it. */
export interface WrittenKey extends SegmentKey {
  readonly write: string;
}

export function encodeSegmentKey(key: SegmentKey, write: string): Uint8Array<ArrayBuffer> {
  const text = key.stream.epoch + write + key.stream.queue;
  const { expiresInMs, part } = key;
  const flags = (expiresInMs === undefined ? 0 : EXPIRES) | (part === undefined ? 0 : PART);
  const { partStart, textStart } = layout(flags);
  const bytes = new Uint8Array(textStart + text.length);
  const view = new DataView(bytes.buffer);
  setNumber(view, 0, key.position);
  setNumber(view, 8, key.first);
  view.setUint32(16, key.count);
  view.setUint32(20, key.bytes);
  view.setFloat64(24, key.savedAt);
  view.setUint8(32, key.stream.priority | flags);
  if (expiresInMs !== undefined) view.setFloat64(HEAD_BYTES, expiresInMs);
  if (part !== undefined) {
    view.setUint16(partStart, part.index);
    view.setUint16(partStart + 2, part.parts);
  }
  // All of it is ASCII, and too short to be worth a call of the browser's encoder.
  for (let index = 0; index < text.length; index++) bytes[textStart + index] = text.charCodeAt(index);
  return bytes;
}

/** Reads a key as the database gives it; undefined when it is not one of ours. */
export function parseSegmentKey(stored: unknown): WrittenKey | undefined {
  if (!(stored instanceof ArrayBuffer)) return undefined;
  if (stored.byteLength < HEAD_BYTES + TEXT_BYTES_MIN) return undefined;
  const view = new DataView(stored);
  const flags = view.getUint8(32);
  const { partStart, textStart } = layout(flags);
  const textBytes = stored.byteLength - textStart;
  if (textBytes < TEXT_BYTES_MIN || textBytes > TEXT_BYTES_MAX) return undefined;
  const text = decoder.decode(new Uint8Array(stored, textStart));
  const epoch = text.slice(0, EPOCH_CHARACTERS);
  const queue = text.slice(EPOCH_CHARACTERS + UUID_CHARACTERS);
  const key: WrittenKey = {
    position: Number(view.getBigUint64(0)),
    stream: { epoch: epoch as EpochId, queue, priority: flags & ~(EXPIRES | PART) },
    write: text.slice(EPOCH_CHARACTERS, EPOCH_CHARACTERS + UUID_CHARACTERS),
    first: Number(view.getBigUint64(8)),
    count: view.getUint32(16),
    bytes: view.getUint32(20),
    savedAt: view.getFloat64(24),
    ...((flags & EXPIRES) === 0 ? {} : { expiresInMs: view.getFloat64(HEAD_BYTES) }),
    ...((flags & PART) === 0
      ? {}
      : { part: { index: view.getUint16(partStart), parts: view.getUint16(partStart + 2) } }),
  };
  const plausible =
    isNumber(key.position) &&
    isNumber(key.first) &&
    key.count > 0 &&
    isNumber(key.first + key.count) &&
    key.stream.priority <= LIMITS.priorityMax &&
    Number.isFinite(key.savedAt) &&
    !Number.isNaN(key.expiresInMs) &&
    (key.part === undefined || key.part.index < key.part.parts) &&
    /^[0-9a-f]{32}$/.test(epoch) &&
    isUuid(key.write) &&
    isQueueName(queue);
  return plausible ? key : undefined;
}

/** The keys of segments after a log position. */
export function keysAfter(position: number): IDBKeyRange {
  return keysBetween(position, Number.MAX_SAFE_INTEGER - 1);
}

/** The keys of segments after one position up to another, that one included. */
export function keysBetween(after: number, upTo: number): IDBKeyRange {
  return IDBKeyRange.bound(positionPrefix(after + 1), positionPrefix(upTo + 1), false, true);
}

/** This key and all after it. */
export function keysFrom(key: Uint8Array<ArrayBuffer>): IDBKeyRange {
  return IDBKeyRange.bound(key, positionPrefix(Number.MAX_SAFE_INTEGER), false, true);
}

/** The part that the store's callers know. */
export function withoutWrite(key: WrittenKey): SegmentKey {
  const { write: _, ...segment } = key;
  return segment;
}

/** Where in a key with these flags the parts stand that not every key has. */
function layout(flags: number): { readonly partStart: number; readonly textStart: number } {
  const partStart = HEAD_BYTES + ((flags & EXPIRES) === 0 ? 0 : EXPIRES_BYTES);
  return { partStart, textStart: partStart + ((flags & PART) === 0 ? 0 : PART_BYTES) };
}

/** Sorts before every key of this position and after every key of the one before. */
function positionPrefix(position: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(8);
  setNumber(new DataView(bytes.buffer), 0, position);
  return bytes;
}

/** Writes a safe integer as eight bytes, big-endian. */
function setNumber(view: DataView, at: number, value: number): void {
  view.setUint32(at, Math.floor(value / 2 ** 32));
  view.setUint32(at + 4, value % 2 ** 32);
}

function isNumber(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}
