import type Database from 'better-sqlite3';
import { type Migration, pendingMigrations, readMigrations } from '../migrations.ts';

const FOLDER = new URL('../../../migrations/sqlite/', import.meta.url);

/**
 * Brings the schema up to date; to be called inside a transaction.
 *
 * @throws StoreError `schema-too-new` when a newer release changed the store in a way that this one cannot live with
 */
export function migrate(
  database: Database.Database,
  migrations: readonly Migration[] = readMigrations(FOLDER),
): void {
  database.exec(
    'CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, breaking INTEGER NOT NULL) STRICT',
  );
  const applied = database
    .prepare<[], { number: number; name: string; breaking: number }>(
      'SELECT number, name, breaking FROM migrations ORDER BY number',
    )
    .all()
    .map((row) => ({ ...row, breaking: row.breaking === 1 }));
  const note = database.prepare('INSERT INTO migrations (number, name, breaking) VALUES (?, ?, ?)');
  for (const migration of pendingMigrations(migrations, applied, database.name)) {
    database.exec(migration.sql);
    note.run(migration.number, migration.name, migration.breaking ? 1 : 0);
  }
}
