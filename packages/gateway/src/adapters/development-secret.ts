import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const SECRET_BYTES = 32;

/**
 * The secret of development mode, made at the first start and kept in the data folder: tokens that a page holds stay
 * good across restarts.
 */
export function developmentSecret(dataDir: string): Uint8Array {
  const file = join(dataDir, 'development-secret');
  try {
    const kept = Buffer.from(readFileSync(file, 'utf8'), 'hex');
    if (kept.length === SECRET_BYTES) return kept;
  } catch {
    // The first start: there is none yet.
  }
  const secret = randomBytes(SECRET_BYTES);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  writeFileSync(file, secret.toString('hex'), { mode: 0o600 });
  return secret;
}
