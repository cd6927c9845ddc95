import { ENTRY_HEADER_BYTES } from '@fieldpost/protocol';
import { entryEnd } from './entry-walk.ts';

const ID_BYTES = 16;

/** Whether of this message only the id is left: its bytes went when it was taken back, or had expired. */
export function isHollow(message: Uint8Array): boolean {
  return message.length === ID_BYTES;
}

/**
 * Packed messages without those at some indices, of which only the ids stay: these keep their numbers, and are still found.
 * An id alone is no message, so nobody who does not know that they are skipped can take one for such.
 */
export function hollow(packed: Uint8Array, indices: ReadonlySet<number>): Uint8Array<ArrayBuffer> {
  const hollowed = new Uint8Array(packed.length);
  const view = new DataView(hollowed.buffer);
  let from = 0;
  let length = 0;
  for (let index = 0; from < packed.length; index++) {
    const end = entryEnd(packed, from) ?? packed.length;
    const kept = indices.has(index) ? Math.min(end, from + ENTRY_HEADER_BYTES + ID_BYTES) : end;
    hollowed.set(packed.subarray(from, kept), length);
    if (kept < end) view.setUint32(length, kept - from - ENTRY_HEADER_BYTES);
    length += kept - from;
    from = end;
  }
  return hollowed.slice(0, length);
}
