import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import type { Rng } from '@fieldpost/protocol';

/** Harms one of the files by chance: some bits turned, a sector emptied, or the end cut off. Tells what it did. */
export function damageFile(files: readonly string[], rng: Rng): string {
  const file = rng.pick(files.filter((name) => statSync(name).size > 0));
  const bytes = readFileSync(file);
  const name = file.slice(file.lastIndexOf('/') + 1);
  if (rng.chance(0.3)) {
    const length = rng.below(bytes.length);
    truncateSync(file, length);
    return `${name} cut off at ${length} of ${bytes.length}`;
  }
  if (rng.chance(0.2)) {
    const start = rng.below(Math.ceil(bytes.length / SECTOR_BYTES)) * SECTOR_BYTES;
    bytes.fill(0, start, Math.min(start + SECTOR_BYTES, bytes.length));
    writeFileSync(file, bytes);
    return `${name} emptied from ${start} on`;
  }
  const places = Array.from({ length: 1 + rng.below(BITS_MAX) }, () => rng.below(bytes.length));
  for (const place of places) bytes[place] = (bytes[place] ?? 0) ^ (1 << rng.below(8));
  writeFileSync(file, bytes);
  return `${name}: one bit turned at each of ${places.join(', ')}`;
}

const SECTOR_BYTES = 512;
const BITS_MAX = 6;
