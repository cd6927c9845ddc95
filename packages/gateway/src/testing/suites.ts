export type {
  GatewayStore,
  LeasedMessage,
  NewMessage,
  PeekPage,
  QueueInfo,
  Settlement,
  SettleResult,
} from '../ports/gateway-store.ts';
export { type GatewayStoreHarness, type StorageFault } from './gateway-store-suite/harness.ts';
export { gatewayStoreSuite } from './gateway-store-suite.ts';
export { createMemoryStoreHarness } from './memory-store-harness.ts';
