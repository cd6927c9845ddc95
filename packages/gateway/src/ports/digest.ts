/** Fingerprints of bytes. */
export interface Digest {
  /** SHA-256 over the parts, one after the other. */
  sha256(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer>;
}
