// MessagePack written by hand, for bytes that no encoder of ours would make.

export type Bytes = Uint8Array<ArrayBuffer>;

export function hex(digits: string): Bytes {
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function join(...parts: readonly Uint8Array[]): Bytes {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

export const NIL = hex('c0');
export const FALSE = hex('c2');
export const TRUE = hex('c3');

export function text(value: string): Bytes {
  const utf8 = new TextEncoder().encode(value);
  if (utf8.length < 32) return join(Uint8Array.of(0xa0 | utf8.length), utf8);
  return join(Uint8Array.of(0xda, utf8.length >> 8, utf8.length & 0xff), utf8);
}

/** A text of any bytes, UTF-8 or not. */
export function textOfBytes(bytes: Uint8Array): Bytes {
  return join(Uint8Array.of(0xd9, bytes.length), bytes);
}

export function bin(bytes: Uint8Array): Bytes {
  return join(Uint8Array.of(0xc5, bytes.length >> 8, bytes.length & 0xff), bytes);
}

/** An unsigned integer in its longest form. */
export function uint64(value: bigint): Bytes {
  const bytes = new Uint8Array(9);
  bytes[0] = 0xcf;
  new DataView(bytes.buffer).setBigUint64(1, value);
  return bytes;
}

export function int64(value: bigint): Bytes {
  const bytes = new Uint8Array(9);
  bytes[0] = 0xd3;
  new DataView(bytes.buffer).setBigInt64(1, value);
  return bytes;
}

export function float64(value: number): Bytes {
  const bytes = new Uint8Array(9);
  bytes[0] = 0xcb;
  new DataView(bytes.buffer).setFloat64(1, value);
  return bytes;
}

/** A whole number below 128. */
export function small(value: number): Bytes {
  return Uint8Array.of(value);
}

export function array(...items: readonly Uint8Array[]): Bytes {
  return join(Uint8Array.of(0xdc, items.length >> 8, items.length & 0xff), ...items);
}

/** Entries by name; those that are undefined are left out. A key may be bytes of its own. */
export function map(fields: Readonly<Record<string, Uint8Array | undefined>>): Bytes {
  return mapOf(
    Object.entries(fields).flatMap(([key, value]) => (value === undefined ? [] : [[text(key), value]])),
  );
}

export function mapOf(pairs: readonly (readonly Uint8Array[])[]): Bytes {
  return join(Uint8Array.of(0xde, pairs.length >> 8, pairs.length & 0xff), ...pairs.flat());
}

/** Length-prefixed entries. */
export function entries(...items: readonly Uint8Array[]): Bytes {
  return join(...items.flatMap((item) => [bigEndian32(item.length), item]));
}

export function bigEndian32(value: number): Bytes {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}
