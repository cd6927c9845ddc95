import { expect, test, vi } from 'vitest';
import { ManualClock } from '../testing/manual-clock.ts';
import { startHousekeeping } from './housekeeping.ts';

const RETENTION_MS = 3_600_000;

test('a round forgets batch after batch what is old enough, and then rests', async () => {
  const { clock, calls, store, logger } = surroundings([1_000, 1_000, 7, 0]);
  startHousekeeping({ store, clock, logger }, { producerIdRetentionMs: RETENTION_MS });
  await pass(clock, 59_999);
  expect(calls).toEqual([]);
  await pass(clock, 1);
  const before = clock.now() - RETENTION_MS;
  expect(calls).toEqual([before, before, before]);
  await pass(clock, 60_000);
  expect(calls).toHaveLength(4);
  expect(calls[3]).toBe(before + 60_000);
});

test('a round that fails is told, and tried again with the next one', async () => {
  const { clock, calls, store, logger } = surroundings(['fails', 0]);
  startHousekeeping({ store, clock, logger }, { producerIdRetentionMs: RETENTION_MS });
  await pass(clock, 60_000);
  expect(logger.warn).toHaveBeenCalledOnce();
  await pass(clock, 60_000);
  expect(calls).toHaveLength(2);
});

test('a round retires epochs that were closed half a year ago, batch after batch', async () => {
  const { clock, retirements, store, logger } = surroundings([0]);
  startHousekeeping({ store, clock, logger }, { producerIdRetentionMs: RETENTION_MS });
  await pass(clock, 60_000);
  const before = clock.now() - 180 * 24 * 3_600_000;
  expect(retirements).toEqual([before, before, before]);
});

test('how long closed epochs are kept can be set', async () => {
  const { clock, retirements, store, logger } = surroundings([0]);
  const epochRetentionMs = 86_400_000;
  startHousekeeping({ store, clock, logger }, { producerIdRetentionMs: RETENTION_MS, epochRetentionMs });
  await pass(clock, 60_000);
  expect(retirements.at(0)).toBe(clock.now() - epochRetentionMs);
});

test('a round forgets fates that nobody came to hear for 30 days, or for as long as is set', async () => {
  const { clock, fates, store, logger } = surroundings([0, 0]);
  const stop = startHousekeeping({ store, clock, logger }, { producerIdRetentionMs: RETENTION_MS });
  await pass(clock, 60_000);
  const before = clock.now() - 30 * 24 * 3_600_000;
  expect(fates).toEqual([before, before]);
  stop();
  const settings = { producerIdRetentionMs: RETENTION_MS, fateRetentionMs: 60_000 };
  startHousekeeping({ store, clock, logger }, settings);
  await pass(clock, 60_000);
  expect(fates.at(-1)).toBe(clock.now() - 60_000);
});

test('once stopped, nothing more is done', async () => {
  const { clock, calls, store, logger } = surroundings([1_000, 1_000, 1_000]);
  const stop = startHousekeeping({ store, clock, logger }, { producerIdRetentionMs: RETENTION_MS });
  stop();
  await pass(clock, 600_000);
  expect(calls).toEqual([]);
});

function surroundings(results: (number | 'fails')[]) {
  const clock = new ManualClock();
  const calls: number[] = [];
  const retirements: number[] = [];
  const fates: number[] = [];
  const store = {
    async pruneNotices(before: number, max: number): Promise<number> {
      fates.push(before);
      return fates.length % 2 === 1 ? max : 0;
    },
    async retireEpochs({ closedBefore }: { readonly closedBefore: number }) {
      retirements.push(closedBefore);
      return { epochs: 1, isDone: retirements.length % 3 === 0 };
    },
    async pruneSends(before: number): Promise<number> {
      calls.push(before);
      const result = results.shift() ?? 0;
      if (result === 'fails') throw new Error('disk I/O error');
      return result;
    },
  };
  const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  return { retirements, fates, clock, calls, store, logger };
}

async function pass(clock: ManualClock, milliseconds: number): Promise<void> {
  clock.advance(milliseconds);
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
}
