import { afterEach, beforeEach, describe } from 'vitest';
import type { GatewayStore } from '../ports/gateway-store.ts';
import { endingsSuite } from './gateway-store-suite/endings-suite.ts';
import { faultsSuite } from './gateway-store-suite/faults-suite.ts';
import { groupsSuite } from './gateway-store-suite/groups-suite.ts';
import type { GatewayStoreHarness } from './gateway-store-suite/harness.ts';
import { jobsSuite } from './gateway-store-suite/jobs-suite.ts';
import { memorySuite } from './gateway-store-suite/memory-suite.ts';
import { noticesSuite } from './gateway-store-suite/notices-suite.ts';
import { queueFaultsSuite } from './gateway-store-suite/queue-faults-suite.ts';
import { queuesSuite } from './gateway-store-suite/queues-suite.ts';
import { settleAllSuite } from './gateway-store-suite/settle-all-suite.ts';
import { streamsSuite } from './gateway-store-suite/streams-suite.ts';
import { transactionsSuite } from './gateway-store-suite/transactions-suite.ts';

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
      transactionsSuite(
        () => harness,
        () => store,
      ));
    describe('streams', () => streamsSuite(() => store));
    describe('queues', () => queuesSuite(() => store));
    const reopen = async (): Promise<GatewayStore> => {
      await store.close();
      store = await harness.open();
      return store;
    };
    describe('endings', () => endingsSuite(reopen, () => store));
    describe('notices of fates', () => noticesSuite(reopen, () => store));
    describe('jobs', () => jobsSuite(reopen, () => store));
    describe('going back and forgetting', () =>
      memorySuite(
        () => harness,
        () => store,
      ));
    describe('groups', () => groupsSuite(() => store));
    describe('settling in a transaction', () => settleAllSuite(reopen, () => store));
  });

  describe(`gateway store with faults: ${name}`, () => {
    faultsSuite(createHarness);
    queueFaultsSuite(createHarness);
  });
}
