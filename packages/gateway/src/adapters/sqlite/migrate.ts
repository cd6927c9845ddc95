import { readdirSync, readFileSync } from 'node:fs';
import type Database from 'better-sqlite3';
import { StoreError } from '../../core/store-error.ts';

/** One numbered step of the schema. */
export interface Migration {
  readonly number: number;
  readonly name: string;
  /** A release that does not know it must not use the store. */
  readonly breaking: boolean;
  readonly sql: string;
}

const FOLDER = new URL('../../../migrations/sqlite/', import.meta.url);

/** The migrations that ship with this release, by number. */
export function readMigrations(folder: URL = FOLDER): readonly Migration[] {
  const files = readdirSync(folder).filter((name) => name.endsWith('.sql'));
  return files.toSorted().map((file, index) => {
    const match = /^(\d{4})-([a-z0-9-]+)\.sql$/.exec(file);
    const sql = readFileSync(new URL(file, folder), 'utf8');
    const breaking = /^-- breaking: (yes|no)\n/.exec(sql)?.[1];
    if (match?.[2] === undefined || Number(match[1]) !== index + 1 || breaking === undefined) {
      throw new StoreError(
        'internal',
        `migration ${file}: expected number ${index + 1} in its name and "-- breaking: yes|no" in its first line`,
      );
    }
    return { number: index + 1, name: match[2], breaking: breaking === 'yes', sql };
  });
}

/**
 * Brings the schema up to date; to be called inside a transaction.
 *
 * @throws StoreError `schema-too-new` when a newer release changed the store in a way that this one cannot live with
 */
export function migrate(
  database: Database.Database,
  migrations: readonly Migration[] = readMigrations(),
): void {
  database.exec(
    'CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, breaking INTEGER NOT NULL) STRICT',
  );
  const applied = database
    .prepare<[], { number: number; name: string; breaking: number }>(
      'SELECT number, name, breaking FROM migrations ORDER BY number',
    )
    .all();
  const unknown = applied.filter((row) => row.number > migrations.length);
  const blocking = unknown.findLast((row) => row.breaking === 1);
  if (blocking !== undefined) {
    throw new StoreError(
      'schema-too-new',
      `${database.name} has schema ${blocking.number} (${blocking.name}); this release reads up to ${migrations.length}: install the newer release, or restore a backup from before the upgrade`,
    );
  }
  const note = database.prepare('INSERT INTO migrations (number, name, breaking) VALUES (?, ?, ?)');
  for (const migration of migrations.slice(applied.length)) {
    database.exec(migration.sql);
    note.run(migration.number, migration.name, migration.breaking ? 1 : 0);
  }
}
