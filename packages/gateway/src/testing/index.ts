export { createMemoryDisk, type MemoryDisk } from '../adapters/memory/memory-disk.ts';
export { MemoryStore, type MemoryStoreOptions, openMemoryStore } from '../adapters/memory/memory-store.ts';
export { createFailpoints, FAILPOINT_VARIABLE, FAILPOINTS } from './failpoints.ts';
