export {
  type Connect as PostgresConnect,
  type Connection as PostgresConnection,
  ConnectionLost,
} from '../adapters/postgres/connection.ts';
export { connectPostgres } from './connect-postgres.ts';
export type {
  GatewayStore,
  LeasedMessage,
  MessageState,
  NewMessage,
  PeekPage,
  QueueInfo,
  QueueRow,
  Settlement,
  SettleResult,
} from '../ports/gateway-store.ts';
export { type GatewayStoreHarness, type StorageFault } from './gateway-store-suite/harness.ts';
export { gatewayStoreSuite } from './gateway-store-suite.ts';
export { createMemoryStoreHarness } from './memory-store-harness.ts';
