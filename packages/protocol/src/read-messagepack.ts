import { ProtocolError } from './errors.ts';
import { LIMITS } from './limits.ts';
import { readUtf8 } from './utf8.ts';

/** What MessagePack bytes of a peer can hold here: the format without its extension types, and maps with text keys. */
export type MessagePackValue =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly MessagePackValue[]
  | { readonly [key: string]: MessagePackValue };

/**
 * Reads bytes that hold exactly one MessagePack value.
 *
 * Our own reader, because a general one is too kind to hostile bytes: it sets memory aside for as many elements as a
 * header claims, lets a key stand twice, takes text that is not UTF-8, and drops a leading U+FEFF of a long text. This
 * one allocates only for what is there, and stops at {@link LIMITS.frameValues} values and {@link LIMITS.frameDepth} levels.
 * Integers beyond 2^53 come out as the nearest number, which no field takes.
 *
 * @throws ProtocolError with `code` for anything else, whatever the bytes
 */
export function readMessagePack(
  bytes: Uint8Array,
  code: 'malformed-frame' | 'bad-message',
): MessagePackValue {
  const reader: Reader = {
    bytes,
    view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    code,
    offset: 0,
    values: 0,
  };
  const value = readValue(reader, 1);
  if (reader.offset < bytes.length)
    fail(reader, `${bytes.length - reader.offset} bytes are left after the value`);
  return value;
}

interface Reader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly code: 'malformed-frame' | 'bad-message';
  offset: number;
  values: number;
}

const TWO_TO_32 = 2 ** 32;

function readValue(reader: Reader, depth: number): MessagePackValue {
  if (++reader.values > LIMITS.frameValues) fail(reader, `more than ${LIMITS.frameValues} values`);
  const head = reader.view.getUint8(advance(reader, 1));
  if (head < 0x80) return head;
  if (head < 0x90) return readMap(reader, head & 0x0f, depth);
  if (head < 0xa0) return readArray(reader, head & 0x0f, depth);
  if (head < 0xc0) return readText(reader, head & 0x1f);
  if (head >= 0xe0) return head - 0x100;
  return readWide(reader, head, depth);
}

/** The formats whose head is followed by a length or by the value's own bytes. */
function readWide(reader: Reader, head: number, depth: number): MessagePackValue {
  switch (head) {
    case 0xc0:
      return null;
    case 0xc2:
      return false;
    case 0xc3:
      return true;
    case 0xc4:
      return readBytes(reader, readUint8(reader));
    case 0xc5:
      return readBytes(reader, readUint16(reader));
    case 0xc6:
      return readBytes(reader, readUint32(reader));
    case 0xd9:
      return readText(reader, readUint8(reader));
    case 0xda:
      return readText(reader, readUint16(reader));
    case 0xdb:
      return readText(reader, readUint32(reader));
    case 0xdc:
      return readArray(reader, readUint16(reader), depth);
    case 0xdd:
      return readArray(reader, readUint32(reader), depth);
    case 0xde:
      return readMap(reader, readUint16(reader), depth);
    case 0xdf:
      return readMap(reader, readUint32(reader), depth);
    default:
      return readNumber(reader, head);
  }
}

function readNumber(reader: Reader, head: number): number {
  switch (head) {
    case 0xca:
      return reader.view.getFloat32(advance(reader, 4));
    case 0xcb:
      return reader.view.getFloat64(advance(reader, 8));
    case 0xcc:
      return readUint8(reader);
    case 0xcd:
      return readUint16(reader);
    case 0xce:
      return readUint32(reader);
    case 0xcf:
      return readUint32(reader) * TWO_TO_32 + readUint32(reader);
    case 0xd0:
      return reader.view.getInt8(advance(reader, 1));
    case 0xd1:
      return reader.view.getInt16(advance(reader, 2));
    case 0xd2:
      return reader.view.getInt32(advance(reader, 4));
    case 0xd3:
      return reader.view.getInt32(advance(reader, 4)) * TWO_TO_32 + readUint32(reader);
    default:
      return fail(reader, `format 0x${head.toString(16)} is not used here`);
  }
}

function readUint8(reader: Reader): number {
  return reader.view.getUint8(advance(reader, 1));
}

function readUint16(reader: Reader): number {
  return reader.view.getUint16(advance(reader, 2));
}

function readUint32(reader: Reader): number {
  return reader.view.getUint32(advance(reader, 4));
}

/** A view on the same memory. */
function readBytes(reader: Reader, length: number): Uint8Array {
  const start = advance(reader, length);
  return reader.bytes.subarray(start, start + length);
}

function readText(reader: Reader, length: number): string {
  const start = advance(reader, length);
  return readUtf8(reader.bytes, start, start + length) ?? fail(reader, 'a text is not UTF-8');
}

function readArray(reader: Reader, length: number, depth: number): MessagePackValue[] {
  expectRoom(reader, length, depth);
  const items: MessagePackValue[] = [];
  for (let index = 0; index < length; index++) items.push(readValue(reader, depth + 1));
  return items;
}

function readMap(
  reader: Reader,
  length: number,
  depth: number,
): { readonly [key: string]: MessagePackValue } {
  expectRoom(reader, length * 2, depth);
  const map: Record<string, MessagePackValue> = {};
  for (let index = 0; index < length; index++) {
    const key = readValue(reader, depth + 1);
    if (typeof key !== 'string') return fail(reader, 'the key of a map is not a text');
    // Assigning it would change the object's prototype instead of adding a key.
    if (key === '__proto__') return fail(reader, 'a map has the key __proto__');
    if (Object.hasOwn(map, key)) return fail(reader, 'a map has a key twice');
    map[key] = readValue(reader, depth + 1);
  }
  return map;
}

/** Each value takes one byte or more, so a count that the rest cannot hold is refused before anything is read. */
function expectRoom(reader: Reader, values: number, depth: number): void {
  if (depth > LIMITS.frameDepth) fail(reader, `more than ${LIMITS.frameDepth} levels`);
  const left = reader.bytes.length - reader.offset;
  if (values > left) fail(reader, `${values} values are claimed, ${left} bytes are left`);
}

/** Steps over `length` bytes and returns where they start. */
function advance(reader: Reader, length: number): number {
  const start = reader.offset;
  const left = reader.bytes.length - start;
  if (length > left) fail(reader, `${length} bytes are claimed, ${left} are left`);
  reader.offset = start + length;
  return start;
}

function fail(reader: Reader, what: string): never {
  throw new ProtocolError(reader.code, `MessagePack, at byte ${reader.offset}: ${what}`);
}
