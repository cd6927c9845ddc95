import { ENTRY_HEADER_BYTES, type MessageId, uuidFromBytes } from '@fieldpost/protocol';

/**
 * Walks length-prefixed messages by their headers alone: a segment of thousands is cut or looked into without a view per
 * message.
 */

/** How many messages `packed` holds; undefined when its lengths do not add up. */
export function countEntries(packed: Uint8Array): number | undefined {
  let count = 0;
  let offset = 0;
  while (offset < packed.length) {
    const next = entryEnd(packed, offset);
    if (next === undefined) return undefined;
    offset = next;
    count++;
  }
  return count;
}

/** The bytes of `count` entries from index `from`, headers included, as a view. */
export function sliceEntries(packed: Uint8Array, from: number, count: number): Uint8Array {
  const start = entryStart(packed, from);
  const end = entryStart(packed, count, start);
  return packed.subarray(start, end);
}

/** The message at an index, without its header, as a view. */
export function entryAt(packed: Uint8Array, index: number): Uint8Array {
  const start = entryStart(packed, index);
  return packed.subarray(start + ENTRY_HEADER_BYTES, entryEnd(packed, start) ?? packed.length);
}

/** The id of a message: its first sixteen bytes. */
export function messageIdOf(message: Uint8Array): MessageId {
  return uuidFromBytes(message.subarray(0, 16)) as MessageId;
}

/** Where the entry at an index begins, counted from the one that begins at `from`. */
export function entryStart(packed: Uint8Array, index: number, from = 0): number {
  let offset = from;
  for (let passed = 0; passed < index; passed++) offset = entryEnd(packed, offset) ?? packed.length;
  return offset;
}

/** Where the entry that begins at an offset ends; undefined when it is cut off. */
export function entryEnd(packed: Uint8Array, offset: number): number | undefined {
  if (offset + ENTRY_HEADER_BYTES > packed.length) return undefined;
  const length =
    (packed[offset] ?? 0) * 2 ** 24 +
    ((packed[offset + 1] ?? 0) << 16) +
    ((packed[offset + 2] ?? 0) << 8) +
    (packed[offset + 3] ?? 0);
  const end = offset + ENTRY_HEADER_BYTES + length;
  return end > packed.length ? undefined : end;
}
