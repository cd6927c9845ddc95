import { crc32 } from 'node:zlib';
import { StoreError } from '../../core/store-error.ts';

// CRC-32 of what a row says, with its key: a row that was damaged, or stands in another's place, is not taken for whole.

/** The numbers of a message's row, in any order that stays the same; the columns that may be NULL as -1. */
export type RowNumbers = readonly [number, number, number, number, number];

/** Checksum of a message's row: its numbers, then its bytes. */
export function messageChecksum(numbers: RowNumbers, head: Uint8Array, body: Uint8Array): number {
  const seed = mix(numbers);
  // As it came over the wire, body behind head, it takes one call; most of a call's cost is the call.
  const isOnePiece = head.buffer === body.buffer && head.byteOffset + head.length === body.byteOffset;
  return isOnePiece
    ? crc32(new Uint8Array(head.buffer, head.byteOffset, head.length + body.length), seed)
    : crc32(body, crc32(head, seed));
}

/** Checksum of a stream's row. */
export function streamChecksum(
  numbers: readonly [epoch: number, queue: number, priority: number, accepted: number],
  acceptedId: Uint8Array,
): number {
  return crc32(acceptedId, mix(numbers));
}

/** The row cannot be what was written: the file is damaged. */
export function damagedRow(what: string): StoreError {
  return new StoreError(
    'store-damaged',
    `${what} is not what was written; nothing more is acknowledged: restore a backup`,
  );
}

const WORD = 2 ** 32;
const PRIME = 0x01000193;

/** FNV-1a over both halves of each number: a value to begin the CRC with. */
function mix(numbers: readonly number[]): number {
  let hash = 0x811c9dc5;
  for (const number of numbers) {
    hash = Math.imul(hash ^ (number | 0), PRIME);
    hash = Math.imul(hash ^ ((number / WORD) | 0), PRIME);
  }
  return hash >>> 0;
}
