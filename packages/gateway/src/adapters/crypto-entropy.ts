import { randomFillSync } from 'node:crypto';
import type { Entropy } from '../ports/entropy.ts';

/** Drawn in one piece: a call of the system costs as much for thousands of bytes as for sixteen. */
const POOL_BYTES = 8192;

/** The operating system's random numbers, none of which is given twice. */
export function createCryptoEntropy(): Entropy {
  const pool = new Uint8Array(POOL_BYTES);
  let used = POOL_BYTES;
  return {
    bytes(length) {
      if (length > POOL_BYTES) return randomFillSync(new Uint8Array(length));
      if (used + length > POOL_BYTES) {
        randomFillSync(pool);
        used = 0;
      }
      const bytes = pool.slice(used, used + length);
      // Whoever reads this memory later must not find what was given.
      pool.fill(0, used, used + length);
      used += length;
      return bytes;
    },
  };
}
