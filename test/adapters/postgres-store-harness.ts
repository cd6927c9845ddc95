import { openPostgresStore, type PostgresStoreOptions } from '@fieldpost/gateway';
import { connectPostgres, type GatewayStoreHarness } from '@fieldpost/gateway/testing/suites';
import { createFaultyConnect, type FaultyConnect } from '../support/postgres/faulty-connect.ts';
import { freshDatabase, type FreshDatabase } from '../support/postgres/fresh-database.ts';

/** The suite's way to PostgreSQL stores, each in a database of its own on one server. */
export interface PostgresStoreHarness extends GatewayStoreHarness {
  readonly database: FreshDatabase;
  /** As `open`, with other options. */
  openWith(options: Partial<PostgresStoreOptions>): ReturnType<GatewayStoreHarness['open']>;
}

export async function createPostgresStoreHarness(): Promise<PostgresStoreHarness> {
  const database = await freshDatabase();
  let faulty: FaultyConnect | undefined;
  const openWith = (options: Partial<PostgresStoreOptions>): ReturnType<GatewayStoreHarness['open']> =>
    openPostgresStore({ url: database.url, ...options });
  return {
    isShared: true,
    backupFile: () => 'backup',
    database,
    openWith,
    open: () => openWith({}),
    openFaulty: (fault) => {
      faulty = createFaultyConnect(() => connectPostgres(database.url), fault);
      return openWith({ connect: faulty.connect });
    },
    faultsStruck: () => faulty?.struck() ?? 0,
    dispose: () => database.drop(),
  };
}
