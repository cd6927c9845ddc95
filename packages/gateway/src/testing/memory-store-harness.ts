import type { GenerationId } from '@fieldpost/protocol';
import { createMemoryDisk } from '../adapters/memory/memory-disk.ts';
import { type MemoryStore, openMemoryStore } from '../adapters/memory/memory-store.ts';
import { StoreError } from '../core/store-error.ts';
import type { GatewayStoreHarness } from './gateway-store-suite/harness.ts';

/** The suite's way to memory stores. */
export function createMemoryStoreHarness(): GatewayStoreHarness {
  const disk = createMemoryDisk('8d1f6f0e-0000-4000-8000-000000000001' as GenerationId);
  let struck = 0;
  const open = async (beforeWrite?: () => void): Promise<MemoryStore> =>
    openMemoryStore(disk, beforeWrite === undefined ? {} : { beforeWrite });
  return {
    open: () => open(),
    openFaulty: ({ at, lasts, kind }) => {
      let writes = 0;
      return open(() => {
        writes += 1;
        if (lasts === 'once' ? writes !== at : writes < at) return;
        struck += 1;
        throw new StoreError(
          kind === 'disk-full' ? 'store-full' : 'store-failed',
          `the disk fails at write ${writes}, as told`,
        );
      });
    },
    faultsStruck: () => struck,
    isShared: false,
    backupFile: () => 'backup',
    openBackup: async (file) => {
      const copy = disk.files.get(file);
      if (copy === undefined) throw new Error(`no backup is named ${file}`);
      return openMemoryStore(copy);
    },
    dispose: async () => undefined,
  };
}
