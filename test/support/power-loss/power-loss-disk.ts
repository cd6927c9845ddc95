import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Rng } from '@fieldpost/protocol';
import { BUILD_FOLDER, buildLibrary } from '../build-library.ts';

/** What a power cut leaves of writes that were not synced: nothing, or any of their sectors. */
export type PowerLoss = 'drop' | 'torn';

/** Faults of the disk that the shim can play; see power-loss.c. */
export interface DiskFaults {
  /** The disk is full while this file exists. */
  readonly fullFlag?: string;
  readonly syncFailsAt?: number;
  readonly readOnly?: boolean;
  /** The sync of a file keeps the names in its folder, too, as on a file system with a journal. */
  readonly hasJournal?: boolean;
}

const SOURCE = join(import.meta.dirname, 'power-loss.c');
const SECTOR_BYTES = 512;

/**
 * A folder whose power can be cut. Processes that use it are started with {@link environment}; when they have been
 * killed, {@link cutPower} leaves in the folder what a disk would.
 */
export class PowerLossDisk {
  readonly folder: string;
  readonly #root: string;
  readonly #shadow: string;
  #hasJournal = false;

  /** On a folder of its own, unless one is given: that has to be there, and no process may use it yet. */
  constructor(folder?: string) {
    this.#root = realpathSync(mkdtempSync(join(tmpdir(), 'fieldpost-power-')));
    this.folder = folder === undefined ? join(this.#root, 'disk') : realpathSync(folder);
    this.#shadow = join(this.#root, 'shadow');
    if (folder === undefined) mkdirSync(this.folder);
    this.#takeOver();
  }

  /** The environment of a process on this disk. */
  environment(faults: DiskFaults = {}): NodeJS.ProcessEnv {
    this.#hasJournal = faults.hasJournal === true;
    return {
      ...process.env,
      LD_PRELOAD: buildLibrary(SOURCE),
      POWER_LOSS_FOLDER: this.folder,
      POWER_LOSS_SHADOW: this.#shadow,
      // Most of a cycle is Node starting: keep what it compiled.
      NODE_COMPILE_CACHE: join(BUILD_FOLDER, 'compiled'),
      // Calls that go round the C library would go round the shim.
      UV_USE_IO_URING: '0',
      ...(faults.fullFlag === undefined ? {} : { POWER_LOSS_FULL: faults.fullFlag }),
      ...(faults.syncFailsAt === undefined ? {} : { POWER_LOSS_SYNC_FAILS: String(faults.syncFailsAt) }),
      ...(faults.hasJournal === true ? { POWER_LOSS_JOURNAL: 'yes' } : {}),
      ...(faults.readOnly === true ? { POWER_LOSS_READ_ONLY: 'yes' } : {}),
    };
  }

  /** Puts the folder into the state after a power cut. No process uses it any more. */
  cutPower(loss: PowerLoss, rng: Rng): void {
    const synced = this.#syncedFiles();
    const written = this.#writtenFiles();
    const left = this.#hasJournal
      ? leaveInOrder(synced, written, loss, rng)
      : leave(synced, written, loss, rng);
    rmSync(this.folder, { recursive: true });
    mkdirSync(this.folder);
    for (const [name, content] of left) writeFileSync(join(this.folder, name), content);
    this.#takeOver();
  }

  dispose(): void {
    rmSync(this.#root, { recursive: true, force: true });
  }

  /** Everything in the folder counts as synced from here on. */
  #takeOver(): void {
    rmSync(this.#shadow, { recursive: true, force: true });
    mkdirSync(this.#shadow);
    const lines = this.#names().map((name) => {
      const key = keyOf(join(this.folder, name));
      copyFileSync(join(this.folder, name), join(this.#shadow, key));
      return `${key} ${name}\n`;
    });
    writeFileSync(join(this.#shadow, 'NAMES'), lines.join(''));
  }

  #syncedFiles(): Map<string, FileState> {
    const files = new Map<string, FileState>();
    for (const line of readFileSync(join(this.#shadow, 'NAMES'), 'utf8').split('\n')) {
      const space = line.indexOf(' ');
      if (space < 0) continue;
      const key = line.slice(0, space);
      const copy = join(this.#shadow, key);
      // A name that was synced while the file never was: an empty file.
      files.set(line.slice(space + 1), {
        key,
        content: existsSync(copy) ? readFileSync(copy) : Buffer.alloc(0),
      });
    }
    return files;
  }

  /** Sockets and the like are not on a disk. */
  #names(): string[] {
    return readdirSync(this.folder).filter((name) => statSync(join(this.folder, name)).isFile());
  }

  #writtenFiles(): Map<string, FileState> {
    return new Map(
      this.#names().map((name) => [
        name,
        { key: keyOf(join(this.folder, name)), content: readFileSync(join(this.folder, name)) },
      ]),
    );
  }
}

interface FileState {
  readonly key: string;
  readonly content: Buffer;
}

/** As `key_of` in power-loss.c. */
function keyOf(file: string): string {
  const { ino, birthtimeNs } = statSync(file, { bigint: true });
  return `${ino}-${birthtimeNs}`;
}

/** Each file, and each change of a name, by itself. */
function leave(synced: Files, written: Files, loss: PowerLoss, rng: Rng): Map<string, Buffer> {
  const left = new Map<string, Buffer>();
  for (const name of new Set([...synced.keys(), ...written.keys()])) {
    const before = synced.get(name);
    const content = loss === 'drop' ? before?.content : tear(before, written.get(name), rng);
    if (content !== undefined) left.set(name, content);
  }
  return left;
}

/**
 * A journal keeps the order of what is done to names: all of it is there up to some moment. Here that is the last sync, or
 * the cut itself; what the files hold is torn as ever.
 */
function leaveInOrder(synced: Files, written: Files, loss: PowerLoss, rng: Rng): Map<string, Buffer> {
  const names = loss === 'drop' || rng.chance(0.5) ? synced : written;
  const before = new Map([...synced.values()].map((state) => [state.key, state]));
  const after = new Map([...written.values()].map((state) => [state.key, state]));
  const left = new Map<string, Buffer>();
  for (const [name, { key }] of names) {
    const kept = before.get(key) ?? { key, content: Buffer.alloc(0) };
    const last = after.get(key) ?? kept;
    left.set(name, (loss === 'drop' ? kept.content : tear(kept, last, rng)) ?? kept.content);
  }
  return left;
}

type Files = ReadonlyMap<string, FileState>;

/** Each sector as synced or as written, by chance; each change of a name done or not. */
function tear(before: FileState | undefined, after: FileState | undefined, rng: Rng): Buffer | undefined {
  if (before === undefined || after === undefined || before.key !== after.key)
    return rng.chance(0.5) ? before?.content : after?.content;
  const length = rng.chance(0.5) ? before.content.length : after.content.length;
  const torn = Buffer.alloc(length);
  for (let start = 0; start < length; start += SECTOR_BYTES) {
    const from = rng.chance(0.5) ? before.content : after.content;
    torn.set(from.subarray(start, Math.min(start + SECTOR_BYTES, length)), start);
  }
  return torn;
}
