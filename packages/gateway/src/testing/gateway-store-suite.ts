import { afterEach, beforeEach, describe } from 'vitest';
import type { GatewayStore } from '../ports/gateway-store.ts';
import { testFaults } from './gateway-store-suite/faults.ts';
import type { GatewayStoreHarness } from './gateway-store-suite/harness.ts';
import { testQueues } from './gateway-store-suite/queues.ts';
import { testStreams } from './gateway-store-suite/streams.ts';
import { testTransactions } from './gateway-store-suite/transactions.ts';

/** What every adapter of `GatewayStore` has to pass. */
export function gatewayStoreSuite(name: string, createHarness: () => Promise<GatewayStoreHarness>): void {
  describe(`gateway store: ${name}`, () => {
    let harness: GatewayStoreHarness;
    let store: GatewayStore;

    beforeEach(async () => {
      harness = await createHarness();
      store = await harness.open();
    });

    afterEach(async () => {
      await store.close();
      await harness.dispose();
    });

    describe('transactions', () =>
      testTransactions(
        () => harness,
        () => store,
      ));
    describe('streams', () => testStreams(() => store));
    describe('queues', () => testQueues(() => store));
  });

  describe(`gateway store with faults: ${name}`, () => testFaults(createHarness));
}
