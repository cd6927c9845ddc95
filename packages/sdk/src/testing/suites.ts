export { type SchemaStep, SCHEMA_STEPS } from '../adapters/indexeddb/schema.ts';
export type { OutboxPlace, StorageFault, StorageFaults } from './outbox-store/outbox-place.ts';
export { outboxStoreSuite } from './outbox-store-suite.ts';
