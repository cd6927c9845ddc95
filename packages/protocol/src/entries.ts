import { ProtocolError } from './errors.ts';

/** The length before each entry: an unsigned 32-bit big-endian count of the bytes that follow. */
export const ENTRY_HEADER_BYTES = 4;

/** Packs byte strings one after the other, each behind its length. */
export function packEntries(entries: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let bytes = 0;
  for (const entry of entries) bytes += ENTRY_HEADER_BYTES + entry.length;
  const packed = new Uint8Array(bytes);
  const view = new DataView(packed.buffer);
  let offset = 0;
  for (const entry of entries) {
    view.setUint32(offset, entry.length);
    packed.set(entry, offset + ENTRY_HEADER_BYTES);
    offset += ENTRY_HEADER_BYTES + entry.length;
  }
  return packed;
}

/**
 * The byte strings that {@link packEntries} packed, as views on the same memory.
 *
 * @throws ProtocolError `malformed-frame` when a length reaches past the end, or there are more than `countMax` entries
 */
export function unpackEntries(packed: Uint8Array, countMax: number): Uint8Array[] {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const entries: Uint8Array[] = [];
  let offset = 0;
  while (offset < packed.length) {
    if (entries.length === countMax)
      throw new ProtocolError('malformed-frame', `more than ${countMax} entries`);
    if (offset + ENTRY_HEADER_BYTES > packed.length)
      throw new ProtocolError('malformed-frame', `entry ${entries.length}: its length is cut off`);
    const length = view.getUint32(offset);
    const start = offset + ENTRY_HEADER_BYTES;
    if (start + length > packed.length) {
      throw new ProtocolError(
        'malformed-frame',
        `entry ${entries.length} claims ${length} bytes, ${packed.length - start} are left`,
      );
    }
    entries.push(packed.subarray(start, start + length));
    offset = start + length;
  }
  return entries;
}
