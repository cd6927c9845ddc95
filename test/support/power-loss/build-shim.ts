import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';

const SOURCE = join(import.meta.dirname, 'power-loss.c');
/** Where what tests build is kept. */
export const BUILD_FOLDER = join(import.meta.dirname, '../../../node_modules/.cache/fieldpost');

/** Compiles `power-loss.c` with the system's C compiler, once per version of it. Returns the library's file. */
export function buildShim(): string {
  const hash = createHash('sha256').update(readFileSync(SOURCE)).digest('hex').slice(0, 16);
  const library = join(BUILD_FOLDER, `power-loss-${hash}.so`);
  if (existsSync(library)) return library;
  mkdirSync(BUILD_FOLDER, { recursive: true });
  const unfinished = `${library}.${process.pid}`;
  const compile = spawnSync(
    'cc',
    ['-shared', '-fPIC', '-O2', '-Wall', '-Wextra', '-o', unfinished, SOURCE, '-ldl', '-lpthread'],
    {
      encoding: 'utf8',
    },
  );
  if (compile.status !== 0) {
    throw new Error(
      `cannot compile ${SOURCE} with cc; on Debian: apt-get install gcc libc6-dev\n${compile.stderr ?? ''}`,
      { cause: compile.error },
    );
  }
  renameSync(unfinished, library);
  return library;
}
