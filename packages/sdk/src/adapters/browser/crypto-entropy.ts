import type { Entropy } from '../../ports/entropy.ts';

/** Random bytes of Web Crypto. */
export function createCryptoEntropy(): Entropy {
  return {
    bytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
    jitter: () => Math.random(),
  };
}
