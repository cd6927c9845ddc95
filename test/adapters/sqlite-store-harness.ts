import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteStore, type SqliteStoreOptions } from '@fieldpost/gateway';
import type { GatewayStoreHarness } from '@fieldpost/gateway/testing/suites';
import { createFaultyHandle, type FaultyHandle } from '../support/faulty-handle.ts';

/** The suite's way to SQLite stores, each in a folder of its own. */
export interface SqliteStoreHarness extends GatewayStoreHarness {
  readonly folder: string;
  readonly file: string;
  /** As `open`, with other options. */
  openWith(options: Partial<SqliteStoreOptions>): ReturnType<GatewayStoreHarness['open']>;
}

export function createSqliteStoreHarness(): SqliteStoreHarness {
  const folder = mkdtempSync(join(tmpdir(), 'fieldpost-store-'));
  const file = join(folder, 'gateway.db');
  let faulty: FaultyHandle | undefined;
  const openWith = (options: Partial<SqliteStoreOptions>): ReturnType<GatewayStoreHarness['open']> =>
    openSqliteStore({ file, lockWaitMs: 0, ...options });
  return {
    folder,
    file,
    openWith,
    open: () => openWith({}),
    openFaulty: (fault) => {
      faulty = createFaultyHandle(fault);
      return openWith({ open: faulty.open });
    },
    faultsStruck: () => faulty?.struck() ?? 0,
    isShared: false,
    backupFile: () => join(folder, 'backup.db'),
    openBackup: (backup) => openWith({ file: backup }),
    dispose: async () => rmSync(folder, { recursive: true, force: true }),
  };
}
