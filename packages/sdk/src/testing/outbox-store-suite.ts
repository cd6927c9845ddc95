import { describe } from 'vitest';
import { faultSuite } from './outbox-store/fault-suite.ts';
import { modelSuite } from './outbox-store/model-suite.ts';
import { openingSuite } from './outbox-store/opening-suite.ts';
import type { OutboxPlace } from './outbox-store/outbox-place.ts';
import { readingSuite } from './outbox-store/reading-suite.ts';
import { renewingSuite } from './outbox-store/renewing-suite.ts';
import { reopeningSuite } from './outbox-store/reopening-suite.ts';
import { savingSuite } from './outbox-store/saving-suite.ts';
import { settlingSuite } from './outbox-store/settling-suite.ts';
import { takingBackSuite } from './outbox-store/taking-back-suite.ts';
import { trimmingSuite } from './outbox-store/trimming-suite.ts';
import { benchesOf } from './outbox-store/with-bench.ts';

/**
 * The tests that every {@link OutboxStore} passes, ours and others'.
 *
 * @param name the adapter's, for the report
 * @param makePlace a new, empty place for data; called for each test
 * @since 0.1.0
 */
export function outboxStoreSuite(name: string, makePlace: () => OutboxPlace | Promise<OutboxPlace>): void {
  const withBench = benchesOf(makePlace);
  describe(`outbox store: ${name}`, () => {
    describe('opening', () => openingSuite(withBench));
    describe('saving', () => savingSuite(withBench));
    describe('reading', () => readingSuite(withBench));
    describe('settling', () => settlingSuite(withBench));
    describe('taking back', () => takingBackSuite(withBench));
    describe('reopening', () => reopeningSuite(withBench));
    describe('renewing the device', () => renewingSuite(withBench));
    describe('trimming', () => trimmingSuite(withBench));
    describe('faults', () => faultSuite(withBench));
    describe('model', () => modelSuite(withBench));
  });
}
