import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const app = join(import.meta.dirname, '..');
const repository = join(app, '../..');
const site = join(app, 'dist');
const keyFile = join(site, '.build-key');

/** What the built pages are made of: a change in any of these makes them stale. */
const sources = [
  'packages/demo-app/src',
  'packages/demo-app/build',
  'packages/demo-app/public',
  'packages/demo-app/index.html',
  'packages/demo-app/office.html',
  'packages/demo-app/vite.config.ts',
  'packages/demo-app/package.json',
  'packages/sdk/src',
  'packages/protocol/src',
  'package-lock.json',
];

/** Builds the pages unless those in `dist` are of the same sources. Resolves with their folder and whether it built. */
export async function ensureSite(): Promise<{ readonly folder: string; readonly built: boolean }> {
  const key = sourcesKey();
  if (existsSync(keyFile) && readFileSync(keyFile, 'utf8') === `${key} ${siteKey()}`)
    return { folder: site, built: false };
  await build();
  // Written last: a build that was cut off leaves no key, and is done again.
  writeFileSync(keyFile, `${key} ${siteKey()}`);
  return { folder: site, built: true };
}

/** Of the files that name all others, so that pages which somebody else put there are not taken for these. */
function siteKey(): string {
  const hash = createHash('sha256');
  for (const name of ['index.html', 'office.html', 'service-worker.js']) {
    const file = join(site, name);
    hash.update(existsSync(file) ? readFileSync(file) : 'missing');
  }
  return hash.digest('hex');
}

function sourcesKey(): string {
  const hash = createHash('sha256');
  for (const file of sources.flatMap(filesOf)) {
    hash.update(`${file}\0`);
    hash.update(readFileSync(join(repository, file)));
  }
  return hash.digest('hex');
}

function filesOf(path: string): string[] {
  const full = join(repository, path);
  if (/\.\w+$/.test(path)) return existsSync(full) ? [path] : [];
  return readdirSync(full, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/\.test\.tsx?$/.test(entry.name))
    .map((entry) => join(path, entry.parentPath.slice(full.length), entry.name))
    .toSorted();
}

/** In a process of its own, so that what the build holds in memory is gone with it. */
async function build(): Promise<void> {
  const vite = join(dirname(createRequire(import.meta.url).resolve('vite/package.json')), 'bin/vite.js');
  const child = spawn(process.execPath, [vite, 'build'], { cwd: app, stdio: ['ignore', 'pipe', 'pipe'] });
  const output: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0)
    throw new Error(`the demo's pages could not be built:\n${Buffer.concat(output).toString()}`);
}
