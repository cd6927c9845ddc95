import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, linkSync, openSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { StoreError } from '../../core/store-error.ts';
import { codeOf, systemCodeOf } from './sqlite-error.ts';

/**
 * Copies the database page by page while it is in use, then makes the copy a store of its own: with a new generation,
 * since whoever opens it has gone back in time, and with marks that no log fits.
 *
 * The copy gets its name only when it is whole and synced.
 *
 * @throws StoreError `conflict` when the file exists, `not-found` when its folder does not; `store-full`,
 * `store-read-only`, `store-failed` when it cannot be written. The store itself goes on
 */
export async function backUp(database: Database.Database, file: string): Promise<void> {
  const folder = dirname(file);
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new StoreError('not-found', `the backup's folder ${folder} does not exist: make it first`);
  }
  if (existsSync(file)) throw existsAlready(file);
  const partial = `${file}.${randomUUID()}.partial`;
  try {
    // Made here, for this account alone: the copy holds people's messages.
    closeSync(openSync(partial, 'wx', 0o600));
    await database.backup(partial);
    separate(partial);
    linkSync(partial, file);
    syncFolder(folder);
  } catch (error) {
    if (systemCodeOf(error) === 'EEXIST') throw existsAlready(file, { cause: error });
    throw new StoreError(
      codeOf(error),
      `the backup ${file} cannot be written (${String(error)}); there is none`,
      { cause: error },
    );
  } finally {
    for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(partial + suffix, { force: true });
  }
}

function existsAlready(file: string, options?: ErrorOptions): StoreError {
  return new StoreError('conflict', `the backup file ${file} exists: name another one`, options);
}

function separate(file: string): void {
  const copy = new Database(file);
  try {
    // One file, with no log beside it.
    copy.pragma('journal_mode = DELETE');
    copy.pragma('synchronous = FULL');
    copy.exec('BEGIN');
    copy.exec(
      `INSERT INTO former_generations (generation, place)
       SELECT value, (SELECT coalesce(max(place), 0) + 1 FROM former_generations) FROM meta WHERE name = 'generation'
       ON CONFLICT DO NOTHING`,
    );
    copy.prepare("UPDATE meta SET value = ? WHERE name = 'generation'").run(randomUUID());
    const mark = copy.prepare<[], { value: number }>('SELECT abs(random() % 2147483647) AS value');
    copy.pragma(`user_version = ${mark.get()?.value ?? 0}`);
    copy.pragma(`application_id = ${mark.get()?.value ?? 0}`);
    copy.exec('COMMIT');
  } finally {
    copy.close();
  }
}

/** A new name is durable only with its folder. Windows has no way to ask for it, and does it by itself. */
function syncFolder(folder: string): void {
  if (process.platform === 'win32') return;
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
