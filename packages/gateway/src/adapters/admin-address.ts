import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

/** A UNIX socket's name fits into 104 bytes everywhere, its closing zero among them. */
const NAME_BYTES_MAX = 103;

/**
 * Where the gateway of a data folder takes commands of its own machine: a UNIX socket in the folder, which nobody else
 * may enter, or a named pipe on Windows. Both sides reckon it from the folder alone.
 */
export function adminAddress(dataDir: string, platform: NodeJS.Platform = process.platform): string {
  const mark = createHash('sha256').update(dataDir).digest('hex').slice(0, 32);
  if (platform === 'win32') return `\\\\.\\pipe\\fieldpost-${mark}`;
  const whole = join(dataDir, 'admin.sock');
  const names = [whole, relative(process.cwd(), whole)];
  return (
    names.find((name) => Buffer.byteLength(name) <= NAME_BYTES_MAX) ??
    join(tmpdir(), `fieldpost-${mark}.sock`)
  );
}
