import {
  bytesFromHex,
  type DeviceId,
  encodeMessage,
  type EpochId,
  type GenerationId,
  hexFromBytes,
  type MessageId,
  messageIdFrom,
  packEntries,
  type Push,
  type Session,
  type SessionNonce,
  uuidFromBytes,
} from '@fieldpost/protocol';

// Values that the cases share. Ids come from the codec's own functions: a text becomes an id in one place.

export const DEVICE = uuidFromBytes(bytesFromHex('d0000000000040008000000000000001')) as DeviceId;
export const GENERATION = uuidFromBytes(bytesFromHex('60000000000040008000000000000001')) as GenerationId;
export const EPOCH = hexFromBytes(bytesFromHex('e1'.repeat(16))) as EpochId;
export const OTHER_EPOCH = hexFromBytes(bytesFromHex('e2'.repeat(16))) as EpochId;
export const SESSION: Session = { number: 7, nonce: '0102030405060708' as SessionNonce };
export const LATER_SESSION: Session = { number: 9, nonce: '1112131415161718' as SessionNonce };
export const ZERO_SESSION: Session = { number: 1, nonce: '0000000000000000' as SessionNonce };

/** Stands where no message id is known. */
export const ZERO_ID = uuidFromBytes(new Uint8Array(16)) as MessageId;

/** The n-th message id of the corpus: a UUIDv7 of 2026-11-23T08:00:00Z. */
export function messageId(n: number): MessageId {
  return messageIdFrom(Date.UTC(2026, 10, 23, 8), Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, n >> 8, n & 0xff));
}

/** A small order as a message. */
export function order(n: number): Uint8Array {
  return encodeMessage({ id: messageId(n), properties: {}, body: utf8(`{"order":${n}}`) });
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A run of orders from `first` on, each with its number in its body. */
export function runOfOrders(first: number, count: number): Push['runs'][number] {
  const orders = Array.from({ length: count }, (_, index) => order(first + index));
  return {
    epoch: EPOCH,
    queue: 'orders',
    priority: 3,
    first,
    acknowledged: first - 1,
    attempt: 0,
    ageMs: 1500,
    messages: packEntries(orders),
  };
}
