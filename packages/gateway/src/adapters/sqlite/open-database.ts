import { closeSync, existsSync, mkdirSync, openSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { StoreError } from '../../core/store-error.ts';
import { checkJournalMatches } from './journal-match.ts';
import { openingError } from './sqlite-error.ts';

/** How a database handle is made; tests put faults in between. */
export type OpenHandle = (file: string) => Database.Database;

/** Opens the file without waiting for its lock: the caller does that without blocking the process. */
export const openHandle: OpenHandle = (file) => new Database(file, { timeout: 0 });

const LOCK_RETRY_MS = 50;
const PAGE_BYTES = 8192;
const CACHE_KIB = 64 * 1024;

/**
 * Files that a store of this process has open. The operating system drops a process's locks on a file when the process
 * closes any descriptor of it, so a second look at such a file would open it to other processes.
 */
const openFiles = new Set<string>();

/**
 * Opens a store's file for this process alone, with every setting that durability rests on made and read back.
 *
 * @throws StoreError `store-locked` when another store has it open and does not let go within `lockWaitMs`,
 * `storage-unsafe`, `store-damaged`, `store-read-only`, `store-full`, `store-failed`
 */
export async function openDatabase(
  file: string,
  open: OpenHandle,
  lockWaitMs: number,
): Promise<Database.Database> {
  const giveUpAt = performance.now() + lockWaitMs;
  for (;;) {
    try {
      return openNow(file, open);
    } catch (error) {
      const problem = openingError(error, file);
      if (problem.code !== 'store-locked' || performance.now() >= giveUpAt) throw problem;
    }
    await delay(LOCK_RETRY_MS);
  }
}

/** Closes the handle and lets others open the file. */
export function closeDatabase(database: Database.Database): void {
  try {
    database.close();
  } finally {
    openFiles.delete(realName(database.name));
  }
}

function openNow(file: string, open: OpenHandle): Database.Database {
  mkdirSync(dirname(file), { recursive: true });
  const name = realName(file);
  if (openFiles.has(name))
    throw new StoreError('store-locked', `this process has the store ${file} open already`);
  checkJournalMatches(file);
  makeOwnFile(file);
  const database = open(file);
  openFiles.add(name);
  try {
    setUp(database);
    return database;
  } catch (error) {
    closeDatabase(database);
    throw error;
  }
}

/**
 * Makes the file if it is not there, for this account alone: it holds people's messages, and its log gets the same
 * permissions. Fails when it cannot be written; SQLite would open it for reading, and fail later with less to say.
 */
function makeOwnFile(file: string): void {
  closeSync(openSync(file, 'a', 0o600));
}

/** One name per file, whatever path leads to it, whether it is there yet or not. */
function realName(file: string): string {
  return existsSync(file) ? realpathSync(file) : join(realpathSync(dirname(file)), basename(file));
}

function setUp(database: Database.Database): void {
  // Taken before the first look at the file, kept until it is closed, and let go by the system when the process dies.
  expect(database, 'locking_mode', 'EXCLUSIVE', 'exclusive');
  // Counts for a new file only.
  database.pragma(`page_size = ${PAGE_BYTES}`);
  database.exec('BEGIN EXCLUSIVE; COMMIT');
  expect(database, 'journal_mode', 'WAL', 'wal');
  // FULL syncs the log before a commit returns. NORMAL, the driver's default, does not: power loss then takes commits.
  expect(database, 'synchronous', 'FULL', 2);
  expect(database, 'fullfsync', 'ON', 1);
  expect(database, 'checkpoint_fullfsync', 'ON', 1);
  expect(database, 'foreign_keys', 'ON', 1);
  expect(database, 'trusted_schema', 'OFF', 0);
  expect(database, 'temp_store', 'MEMORY', 2);
  // The log's cycles are ours to begin and end: see log-cycle.ts.
  expect(database, 'wal_autocheckpoint', '0', 0);
  database.pragma(`cache_size = -${CACHE_KIB}`);
}

/** Makes a setting and reads it back: SQLite passes over what it does not know or cannot do. */
function expect(database: Database.Database, name: string, value: string, expected: string | number): void {
  database.pragma(`${name} = ${value}`);
  const actual = database.pragma(name, { simple: true });
  if (actual !== expected) {
    throw new StoreError(
      'storage-unsafe',
      `${database.name}: ${name} is ${String(actual)} after setting it to ${value}; without it, acknowledged messages could be lost`,
    );
  }
}
