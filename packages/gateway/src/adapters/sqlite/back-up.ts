import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, openSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { StoreError } from '../../core/store-error.ts';
import { openingError, systemCodeOf } from './sqlite-error.ts';

/**
 * Copies the database page by page while it is in use, then makes the copy a store of its own: with a new generation,
 * since whoever opens it has gone back in time, and with marks that no log fits.
 *
 * The copy gets its name only when it is whole and synced.
 *
 * @throws StoreError `conflict` when the file exists; `store-full`, `store-read-only`, `store-failed`
 */
export async function backUp(database: Database.Database, file: string): Promise<void> {
  const partial = `${file}.${randomUUID()}.partial`;
  try {
    await database.backup(partial);
    separate(partial);
    linkSync(partial, file);
    syncFolder(dirname(file));
  } catch (error) {
    if (systemCodeOf(error) === 'EEXIST')
      throw new StoreError('conflict', `the backup file ${file} exists: name another one`, { cause: error });
    throw openingError(error, file);
  } finally {
    for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(partial + suffix, { force: true });
  }
}

function separate(file: string): void {
  const copy = new Database(file);
  try {
    // One file, with no log beside it.
    copy.pragma('journal_mode = DELETE');
    copy.pragma('synchronous = FULL');
    copy.exec('BEGIN');
    copy.prepare("UPDATE meta SET value = ? WHERE name = 'generation'").run(randomUUID());
    const mark = copy.prepare<[], { value: number }>('SELECT abs(random() % 2147483647) AS value');
    copy.pragma(`user_version = ${mark.get()?.value ?? 0}`);
    copy.pragma(`application_id = ${mark.get()?.value ?? 0}`);
    copy.exec('COMMIT');
  } finally {
    copy.close();
  }
}

/** A new name is durable only with its folder. */
function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
