import { createHash } from 'node:crypto';
import type { Digest } from '../ports/digest.ts';

/** Digests by Node's own library. */
export function createCryptoDigest(): Digest {
  return {
    sha256(parts) {
      const hash = createHash('sha256');
      for (const part of parts) hash.update(part);
      return new Uint8Array(hash.digest());
    },
  };
}
