import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readMigrations } from '../migrations.ts';
import { migrate } from './migrate.ts';

let folder: string;
let database: Database.Database;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fieldpost-migrations-'));
  database = new Database(':memory:');
});

afterEach(() => {
  database.close();
  rmSync(folder, { recursive: true });
});

function write(name: string, sql: string): void {
  writeFileSync(join(folder, name), sql);
}

function read(): ReturnType<typeof readMigrations> {
  return readMigrations(pathToFileURL(`${folder}/`));
}

test('each migration runs once, in order', () => {
  write('0001-first.sql', '-- breaking: yes\nCREATE TABLE list (entry TEXT) STRICT;');
  write('0002-second.sql', "-- breaking: no\nINSERT INTO list VALUES ('second');");
  migrate(database, read().slice(0, 1));
  migrate(database, read());
  migrate(database, read());
  write('0003-third.sql', "-- breaking: no\nINSERT INTO list VALUES ('third');");
  migrate(database, read());
  expect(database.prepare('SELECT entry FROM list').pluck().all()).toEqual(['second', 'third']);
});

test.each([
  ['0002-gap.sql', '-- breaking: no\n'],
  ['1-short.sql', '-- breaking: no\n'],
  ['0001-no-flag.sql', 'SELECT 1;'],
  ['0001-Capital.sql', '-- breaking: no\n'],
])('a release with a migration it cannot place (%s) does not start', (name, sql) => {
  write(name, sql);
  expect(read).toThrow(name);
});

test('what ships is well-formed', () => {
  const shipped = readMigrations(new URL('../../../migrations/sqlite/', import.meta.url));
  expect(shipped[0]).toMatchObject({ number: 1, name: 'queues-and-streams', breaking: true });
  migrate(database, shipped);
});
