import { join } from 'node:path';
import { createPostgresPeers } from './adapters/postgres/postgres-peers.ts';
import { openPostgresStore } from './adapters/postgres/postgres-store.ts';
import { openSqliteStore } from './adapters/sqlite/sqlite-store.ts';
import type { GatewayConfig } from './config/load-config.ts';
import type { GatewayStore } from './ports/gateway-store.ts';
import type { Logger } from './ports/logger.ts';
import type { Peers } from './ports/peers.ts';

/** The store of a configuration, and the way to the other gateways on it. */
export interface OpenStore {
  readonly store: GatewayStore;
  /** Undefined where a gateway has its store to itself. */
  readonly peers: Peers | undefined;
  close(): Promise<void>;
}

/** Where a SQLite store lies in a data folder. */
export function storeFile(dataDir: string): string {
  return join(dataDir, 'fieldpost.sqlite');
}

/** Opens the store that a configuration names: a PostgreSQL database, else SQLite in the data folder. */
export async function openStore(
  { databaseUrl, dataDir }: Pick<GatewayConfig, 'databaseUrl' | 'dataDir'>,
  { logger, onFailure }: { readonly logger: Logger; readonly onFailure: (error: unknown) => void },
): Promise<OpenStore> {
  if (databaseUrl === undefined) {
    const store = await openSqliteStore({ file: storeFile(dataDir), onFailure });
    return { store, peers: undefined, close: () => store.close() };
  }
  const store = await openPostgresStore({ url: databaseUrl });
  const peers = createPostgresPeers({ url: databaseUrl, logger });
  return {
    store,
    peers,
    async close() {
      await peers.close();
      await store.close();
    },
  };
}
