/** Unguessable bytes for ids and epochs, and jitter for backoff. */
export interface Entropy {
  bytes(length: number): Uint8Array<ArrayBuffer>;
  /** A number in [0, 1). */
  jitter(): number;
}
