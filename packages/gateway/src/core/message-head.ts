import { invariant } from '@fieldpost/protocol';
import type { NewMessage } from '../ports/gateway-store.ts';

// The message up to its body, as it came over the wire and as stores keep it: id, length of the properties, properties.

const ID_BYTES = 16;
/** The id and the length of the properties. */
export const HEAD_BYTES = ID_BYTES + 2;

/** A head. Id and properties are mostly views on the frame's bytes, one behind the other; then nothing is copied here. */
export function headOf({ id, properties }: Pick<NewMessage, 'id' | 'properties'>): Uint8Array {
  invariant(id.length === ID_BYTES, `a message id has ${ID_BYTES} bytes, not ${id.length}`);
  const isOnePiece = id.buffer === properties.buffer && id.byteOffset + HEAD_BYTES === properties.byteOffset;
  if (isOnePiece) return new Uint8Array(id.buffer, id.byteOffset, HEAD_BYTES + properties.length);
  const head = new Uint8Array(HEAD_BYTES + properties.length);
  head.set(id, 0);
  new DataView(head.buffer).setUint16(ID_BYTES, properties.length);
  head.set(properties, HEAD_BYTES);
  return head;
}

export function idOfHead(head: Uint8Array): Uint8Array {
  return head.subarray(0, ID_BYTES);
}

export function propertiesOfHead(head: Uint8Array): Uint8Array {
  return head.subarray(HEAD_BYTES);
}
