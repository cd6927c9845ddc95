import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { CodedError } from '@fieldpost/protocol';
import { askForBackup } from '../adapters/admin-socket.ts';
import { openSqliteStore } from '../adapters/sqlite/sqlite-store.ts';
import type { GatewayConfig } from '../config/load-config.ts';
import { storeFile } from '../open-store.ts';

/**
 * Writes a consistent copy of the store to a file: by the gateway that runs on it, which alone may have it open, or by
 * itself when none runs.
 *
 * @throws CodedError when the file exists, or there is no store
 */
export async function backup(config: GatewayConfig, name: string): Promise<void> {
  if (config.databaseUrl !== undefined) {
    throw new CodedError(
      'invalid-request',
      "the store is in PostgreSQL (databaseUrl is set), which has its own means: pg_dump, or a base backup with the server's log",
    );
  }
  const file = resolve(name);
  if (await askForBackup(config.dataDir, file)) return;
  const source = storeFile(config.dataDir);
  if (!existsSync(source))
    throw new CodedError('not-found', `no store is at ${source}; --data-dir names its folder`);
  const store = await openSqliteStore({ file: source });
  try {
    await store.backup(file);
  } finally {
    await store.close();
  }
}
