export { type MemoryFault, MemoryDatabase } from '../adapters/memory/memory-database.ts';
export { createMemoryOutboxStore } from '../adapters/memory/memory-outbox-store.ts';
