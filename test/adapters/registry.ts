import { createMemoryStoreHarness, type GatewayStoreHarness } from '@fieldpost/gateway/testing/suites';
import { createSqliteStoreHarness } from './sqlite-store-harness.ts';

/** An adapter, and how its port's suite comes to it. */
export interface RegisteredAdapter<Harness> {
  /** Its folder in the package's `src/adapters`. */
  readonly folder: string;
  readonly createHarness: () => Promise<Harness>;
}

/** Every adapter of the gateway's `GatewayStore`. `registry.test.ts` fails when one that exists is not listed. */
export const GATEWAY_STORES: readonly RegisteredAdapter<GatewayStoreHarness>[] = [
  { folder: 'memory', createHarness: async () => createMemoryStoreHarness() },
  { folder: 'sqlite', createHarness: async () => createSqliteStoreHarness() },
];
