export { createMemoryDisk, type MemoryDisk } from '../adapters/memory/memory-disk.ts';
export { MemoryStore, type MemoryStoreOptions, openMemoryStore } from '../adapters/memory/memory-store.ts';
export { createFailpoints, FAILPOINT_VARIABLE, FAILPOINTS } from './failpoints.ts';
export { newQueueRow } from '../core/queue-settings.ts';
export { openSqliteStore, type SqliteStoreOptions } from '../adapters/sqlite/sqlite-store.ts';
export type { GatewayStore } from '../ports/gateway-store.ts';
export { type CallFault, createFaultyStore, type FaultyStore } from './faulty-store.ts';
export type * from '../ports/gateway-store.ts';
