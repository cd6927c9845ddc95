import { bytesFromHex } from '@fieldpost/protocol';

// Arrays as PostgreSQL takes them in binary: the driver would write each value as text, bytes as twice as many digits.

const OIDS = { bytes: 17, bigint: 20, smallint: 21, uuid: 2950 } as const;
/** Dimensions, whether there are nulls, the elements' type, how many, and the index of the first. */
const HEADER_BYTES = 20;

export function bytesArray(items: readonly Uint8Array[]): Buffer {
  return encode(
    OIDS.bytes,
    items,
    (item) => item.length,
    (buffer, offset, item) => buffer.set(item, offset),
  );
}

export function bigintArray(items: readonly (number | null)[]): Buffer {
  return encode(
    OIDS.bigint,
    items,
    () => 8,
    (buffer, offset, item) => {
      buffer.writeInt32BE(Math.floor(item / WORD), offset);
      buffer.writeUInt32BE(((item % WORD) + WORD) % WORD, offset + 4);
    },
  );
}

export function smallintArray(items: readonly (number | null)[]): Buffer {
  return encode(
    OIDS.smallint,
    items,
    () => 2,
    (buffer, offset, item) => buffer.writeInt16BE(item, offset),
  );
}

/** Of UUIDs with or without hyphens. */
export function uuidArray(items: readonly (string | null)[]): Buffer {
  let last: { readonly text: string; readonly bytes: Uint8Array } | undefined;
  return encode(
    OIDS.uuid,
    items,
    () => 16,
    (buffer, offset, item) => {
      // Messages of one run share theirs.
      if (last?.text !== item) last = { text: item, bytes: bytesFromHex(item.replaceAll('-', '')) };
      buffer.set(last.bytes, offset);
    },
  );
}

const WORD = 2 ** 32;

function encode<Item extends Uint8Array | number | string>(
  oid: number,
  items: readonly (Item | null)[],
  sizeOf: (item: Item) => number,
  write: (buffer: Buffer, offset: number, item: Item) => void,
): Buffer {
  let size = HEADER_BYTES;
  for (const item of items) size += 4 + (item === null ? 0 : sizeOf(item));
  const buffer = Buffer.allocUnsafe(size);
  buffer.writeInt32BE(1, 0);
  buffer.writeInt32BE(items.includes(null) ? 1 : 0, 4);
  buffer.writeInt32BE(oid, 8);
  buffer.writeInt32BE(items.length, 12);
  buffer.writeInt32BE(1, 16);
  let offset = HEADER_BYTES;
  for (const item of items) {
    if (item === null) {
      offset = buffer.writeInt32BE(-1, offset);
      continue;
    }
    const length = sizeOf(item);
    offset = buffer.writeInt32BE(length, offset);
    write(buffer, offset, item);
    offset += length;
  }
  return buffer;
}
