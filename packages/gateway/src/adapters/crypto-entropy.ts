import { randomFillSync } from 'node:crypto';
import type { Entropy } from '../ports/entropy.ts';

/** The operating system's random numbers. */
export function createCryptoEntropy(): Entropy {
  return { bytes: (length) => randomFillSync(new Uint8Array(length)) };
}
