import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';

/** Where what tests build is kept. */
export const BUILD_FOLDER = join(import.meta.dirname, '../../node_modules/.cache/fieldpost');

/** Compiles a C file into a library to preload, with the system's C compiler, once per version of it. Returns its file. */
export function buildLibrary(source: string): string {
  const hash = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 16);
  const library = join(BUILD_FOLDER, `${basename(source, '.c')}-${hash}.so`);
  if (existsSync(library)) return library;
  mkdirSync(BUILD_FOLDER, { recursive: true });
  const unfinished = `${library}.${process.pid}`;
  const compile = spawnSync(
    'cc',
    ['-shared', '-fPIC', '-O2', '-Wall', '-Wextra', '-o', unfinished, source, '-ldl', '-lpthread'],
    {
      encoding: 'utf8',
    },
  );
  if (compile.status !== 0) {
    throw new Error(
      `cannot compile ${source} with cc; on Debian: apt-get install gcc libc6-dev\n${compile.stderr ?? ''}`,
      { cause: compile.error },
    );
  }
  renameSync(unfinished, library);
  return library;
}
