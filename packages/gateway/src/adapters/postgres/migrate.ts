import { StoreError } from '../../core/store-error.ts';
import { type AppliedMigration, type Migration, pendingMigrations, readMigrations } from '../migrations.ts';
import type { Connection, Statement } from './connection.ts';

const FOLDER = new URL('../../../migrations/postgres/', import.meta.url);
/** Older servers are not tried. */
const SERVER_VERSION_MIN = 15;

const SERVER_VERSION: Statement = {
  name: 'server-version',
  text: "SELECT current_setting('server_version') AS version",
};
const IS_THERE: Statement = {
  name: 'migrations-table',
  text: "SELECT to_regclass('fieldpost.migrations') IS NOT NULL AS is_there",
};
const APPLIED: Statement = {
  name: 'migrations-applied',
  text: 'SELECT number, name, breaking FROM fieldpost.migrations ORDER BY number',
};
const NOTE: Statement = {
  name: 'migration-note',
  text: 'INSERT INTO fieldpost.migrations (number, name, breaking) VALUES ($1, $2, $3)',
};

/** Any number: whoever brings the schema up to date holds this lock of the database. */
const LOCK = 4_100_001;

/**
 * Brings the schema up to date. Of gateways that start together one does it and the others wait; most find nothing to do,
 * and write nothing.
 *
 * @throws StoreError `schema-too-new`; `storage-unsafe` for a server that is too old
 */
export async function migrate(
  connection: Connection,
  migrations: readonly Migration[] = readMigrations(FOLDER),
): Promise<void> {
  await checkVersion(connection);
  const isThere = (await connection.run<{ is_there: boolean }>(IS_THERE)).rows[0]?.is_there === true;
  if (isThere && (await pending(connection, migrations)).length === 0) return;
  try {
    await connection.execute(`BEGIN; SELECT pg_advisory_xact_lock(${LOCK})`);
    await connection.execute(
      `CREATE SCHEMA IF NOT EXISTS fieldpost;
       CREATE TABLE IF NOT EXISTS fieldpost.migrations
         (number integer PRIMARY KEY, name text NOT NULL, breaking boolean NOT NULL)`,
    );
    for (const migration of await pending(connection, migrations)) {
      await connection.execute(migration.sql);
      await connection.run(NOTE, [migration.number, migration.name, migration.breaking]);
    }
    await connection.execute('COMMIT');
  } catch (error) {
    await connection.execute('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

async function pending(
  connection: Connection,
  migrations: readonly Migration[],
): Promise<readonly Migration[]> {
  const { rows } = await connection.run<AppliedMigration>(APPLIED);
  return pendingMigrations(migrations, rows, 'the database');
}

async function checkVersion(connection: Connection): Promise<void> {
  const { rows } = await connection.run<{ version: string }>(SERVER_VERSION);
  const version = rows[0]?.version ?? '';
  if (Number.parseInt(version, 10) >= SERVER_VERSION_MIN) return;
  throw new StoreError(
    'storage-unsafe',
    `the server is PostgreSQL ${version}: this release is tried with ${SERVER_VERSION_MIN} and later; upgrade the server`,
  );
}
