import { createMemoryStoreHarness, type GatewayStoreHarness } from '@fieldpost/gateway/testing/suites';
import type { OutboxPlace } from '@fieldpost/sdk/testing/suites';
import { memoryOutboxPlace } from '../support/memory-outbox-place.ts';
import { createPostgresStoreHarness } from './postgres-store-harness.ts';
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
  { folder: 'postgres', createHarness: createPostgresStoreHarness },
  { folder: 'sqlite', createHarness: async () => createSqliteStoreHarness() },
];

/** Every adapter of the SDK's `OutboxStore`. Without a place here its suite runs in browsers: `test/browser/`. */
export const OUTBOX_STORES: readonly {
  readonly folder: string;
  readonly makePlace: (() => OutboxPlace) | undefined;
}[] = [
  { folder: 'indexeddb', makePlace: undefined },
  { folder: 'memory', makePlace: memoryOutboxPlace },
];
