/** Unguessable bytes, for nonces, receipts and ids. */
export interface Entropy {
  bytes(length: number): Uint8Array<ArrayBuffer>;
}
