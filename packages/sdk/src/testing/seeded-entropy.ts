import { createRng } from '@fieldpost/protocol';
import type { Entropy } from '../ports/entropy.ts';

/**
 * The same ids and the same jitter in every run of a seed. For tests: who knows the seed knows every id.
 *
 * @since 0.1.0
 */
export function createSeededEntropy(seed: string | number): Entropy {
  const rng = createRng(seed);
  return { bytes: (length) => rng.bytes(length), jitter: () => rng.next() };
}
