export { type GatewayStoreHarness, type StorageFault } from './gateway-store-suite/harness.ts';
export { gatewayStoreSuite } from './gateway-store-suite.ts';
export { createMemoryStoreHarness } from './memory-store-harness.ts';
