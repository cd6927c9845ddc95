import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const bench = join(import.meta.dirname, '../..');
const stamp = join(bench, 'node_modules/.installed-lockfile');

/** Installs the peers on first use, and again when their lockfile has changed. Nobody else needs them. */
export function installPeers(say: (what: string) => void): void {
  const wanted = createHash('sha256')
    .update(readFileSync(join(bench, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  say('installing the peers into bench/node_modules');
  const args = ['ci', '--prefix', bench, '--ignore-scripts', '--silent'];
  const { status, stderr } = spawnSync('npm', args, {
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  if (status !== 0) throw new Error(`npm ${args.join(' ')} failed: ${stderr}`);
  writeFileSync(stamp, wanted);
}
