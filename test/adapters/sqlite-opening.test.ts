import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { newQueueRow } from '@fieldpost/gateway/testing';
import type { GatewayStore } from '@fieldpost/gateway/testing/suites';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createWatchedHandle } from '../support/watched-handle.ts';
import { createSqliteStoreHarness, type SqliteStoreHarness } from './sqlite-store-harness.ts';

let harness: SqliteStoreHarness;
const opened: GatewayStore[] = [];

beforeEach(() => {
  harness = createSqliteStoreHarness();
});

afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
  await harness.dispose();
});

async function open(...parameters: Parameters<SqliteStoreHarness['openWith']>): Promise<GatewayStore> {
  const store = await harness.openWith(...parameters);
  opened.push(store);
  return store;
}

async function closeAll(): Promise<void> {
  for (const store of opened.splice(0)) await store.close();
}

async function put(store: GatewayStore, ...names: string[]): Promise<void> {
  for (const name of names) {
    const row = newQueueRow(name, 1);
    await store.transact({}, () => ({ changes: [{ type: 'put-queue', row }], result: undefined }));
  }
}

describe('settings', () => {
  test.each([
    ['synchronous', 1],
    ['journal_mode', 'delete'],
    ['locking_mode', 'normal'],
    ['foreign_keys', 0],
  ])('refuses to start when %s is %j after it was set', async (name, value) => {
    const handle = createWatchedHandle({ pragmas: { [name]: value } });
    await expect(open({ open: handle.open })).rejects.toMatchObject({
      name: 'StoreError',
      code: 'storage-unsafe',
      message: expect.stringContaining(name),
    });
    await open({});
  });

  test('only the own account can read the file, its log and a backup', async () => {
    const store = await open({});
    await put(store, 'orders');
    await store.backup(harness.backupFile());
    for (const file of [harness.file, `${harness.file}-wal`, harness.backupFile()]) {
      expect(statSync(file).mode & 0o777).toBe(0o600);
    }
  });

  test('a file that is no database is store-damaged, and left as it is', async () => {
    writeFileSync(harness.file, 'these are the orders of last year'.repeat(1000));
    const before = readFileSync(harness.file);
    await expect(open({})).rejects.toMatchObject({ name: 'StoreError', code: 'store-damaged' });
    expect(readFileSync(harness.file)).toEqual(before);
  });
});

describe('schema', () => {
  const addMigration = (number: number, breaking: 0 | 1): void => {
    const database = new Database(harness.file);
    database
      .prepare("INSERT INTO migrations (number, name, breaking) VALUES (?, 'later', ?)")
      .run(number, breaking);
    database.close();
  };

  test('a store that a newer release changed for good is refused, and both versions are named', async () => {
    await open({});
    await closeAll();
    addMigration(99, 1);
    const refused = open({});
    await expect(refused).rejects.toMatchObject({ name: 'StoreError', code: 'schema-too-new' });
    await expect(refused).rejects.toThrow(/schema 99 \(later\).*reads up to \d+\b/);
  });

  test('a store with a newer change that old releases can live with is opened', async () => {
    await open({});
    await closeAll();
    addMigration(99, 0);
    expect(await (await open({})).listQueues(0)).toEqual([]);
  });
});

describe('ownership', () => {
  const lookFromOutside = (): string => {
    const script = `
      const Database = require('better-sqlite3');
      try { new Database(process.argv[1], { timeout: 0 }).prepare('SELECT count(*) FROM queues').get(); console.log('open'); }
      catch (error) { console.log(error.code); }`;
    return spawnSync(process.execPath, ['-e', script, harness.file], {
      encoding: 'utf8',
      cwd: import.meta.dirname,
    }).stdout.trim();
  };

  test('no other process can use the file, even after a second store of this process was refused', async () => {
    await open({});
    expect(lookFromOutside()).toBe('SQLITE_BUSY');
    await expect(open({})).rejects.toMatchObject({ code: 'store-locked' });
    const otherName = join(harness.folder, 'link.db');
    symlinkSync(harness.file, otherName);
    await expect(open({ file: otherName })).rejects.toMatchObject({ code: 'store-locked' });
    expect(lookFromOutside()).toBe('SQLITE_BUSY');
    await closeAll();
    expect(lookFromOutside()).toBe('open');
  });

  test('a store waits for one that is closing', async () => {
    const first = await open({});
    const second = open({ lockWaitMs: 10_000 });
    await first.close();
    expect(await (await second).listQueues(0)).toEqual([]);
  });
});

describe('a file and a log that do not belong together', () => {
  const log = (): string => `${harness.file}-wal`;

  const names = async (store: GatewayStore): Promise<string[]> =>
    (await store.listQueues(0)).map((queue) => queue.name);

  /** What a process that was killed now would leave, in a folder of its own. */
  const crashImage = (): string => {
    const folder = join(harness.folder, 'crashed');
    mkdirSync(folder);
    copyFileSync(harness.file, join(folder, 'gateway.db'));
    copyFileSync(log(), join(folder, 'gateway.db-wal'));
    return join(folder, 'gateway.db');
  };

  test('a file and its own log open with all that was committed', async () => {
    const store = await open({ logBytesMax: 64 * 1024 });
    await put(store, ...Array.from({ length: 40 }, (_, index) => `queue-${index}`));
    const file = crashImage();
    expect(statSync(`${file}-wal`).size).toBeGreaterThan(0);
    expect(await names(await open({ file }))).toHaveLength(40);
  });

  test('a file that its log was carried over into opens with the log still there', async () => {
    const handle = createWatchedHandle();
    const store = await open({ logBytesMax: 1, open: handle.open });
    await put(store, 'orders');
    const carriedOver = (): number =>
      handle.ran.filter((sql) => sql === 'PRAGMA wal_checkpoint(RESTART)').length;
    await vi.waitFor(() => expect(carriedOver()).toBe(3));
    expect(await names(await open({ file: crashImage() }))).toEqual(['orders']);
  });

  test('an older file beside a newer log is refused and nothing is changed; without the log it opens', async () => {
    await put(await open({}), 'old');
    await closeAll();
    const older = join(harness.folder, 'older.db');
    copyFileSync(harness.file, older);
    await put(await open({}), 'middle');
    await closeAll();
    await put(await open({}), 'new');
    const file = crashImage();
    copyFileSync(older, file);
    const before = [readFileSync(file), readFileSync(`${file}-wal`)];

    const refused = open({ file });
    await expect(refused).rejects.toMatchObject({ name: 'StoreError', code: 'store-damaged' });
    await expect(refused).rejects.toThrow(/-wal was not written for this .*gateway\.db/);
    expect([readFileSync(file), readFileSync(`${file}-wal`)]).toEqual(before);
    expect(existsSync(`${file}-shm`)).toBe(false);

    rmSync(`${file}-wal`);
    expect(await names(await open({ file }))).toEqual(['old']);
  });

  test('each log is marked, also one that a running store began', async () => {
    await put(await open({}), 'old');
    await closeAll();
    const older = join(harness.folder, 'older.db');
    copyFileSync(harness.file, older);
    const store = await open({ logBytesMax: 1 });
    await put(store, 'first', 'second', 'third');
    const file = crashImage();
    copyFileSync(older, file);
    await expect(open({ file })).rejects.toMatchObject({ code: 'store-damaged' });
  });

  test('a backup beside the log of the store it was made of is refused; without the log it opens', async () => {
    const store = await open({});
    await put(store, 'before');
    const backup = harness.backupFile();
    await store.backup(backup);
    await put(store, 'after');
    const file = crashImage();
    copyFileSync(backup, file);
    await expect(open({ file })).rejects.toMatchObject({ code: 'store-damaged' });
    rmSync(`${file}-wal`);
    expect(await names(await open({ file }))).toEqual(['before']);
  });

  test('a log without its file is refused', async () => {
    await put(await open({}), 'orders');
    const file = crashImage();
    rmSync(file);
    await expect(open({ file })).rejects.toMatchObject({ code: 'store-damaged' });
    expect(existsSync(file)).toBe(false);
    writeFileSync(file, '');
    await expect(open({ file })).rejects.toMatchObject({ code: 'store-damaged' });
  });

  test('a log whose first transaction is torn holds nothing, and the file opens', async () => {
    await put(await open({}), 'old');
    await closeAll();
    await put(await open({}), 'new');
    const file = crashImage();
    truncateSync(`${file}-wal`, 5000);
    expect(await names(await open({ file }))).toEqual(['old']);
  });

  test('a log whose first transaction is damaged holds nothing, whatever it says', async () => {
    await put(await open({}), 'old');
    await closeAll();
    const older = join(harness.folder, 'older.db');
    copyFileSync(harness.file, older);
    await put(await open({}), 'middle');
    await closeAll();
    await put(await open({}), 'new');
    const file = crashImage();
    copyFileSync(older, file);
    const bytes = readFileSync(`${file}-wal`);
    bytes.fill(7, 4000, 4100);
    writeFileSync(`${file}-wal`, bytes);
    expect(await names(await open({ file }))).toEqual(['old']);
  });
});
