import type { EpochId } from '@fieldpost/protocol';
import { expect, test } from 'vitest';
import type { SegmentKey } from '../../ports/outbox-store.ts';
import { stretchesNear } from './stretches-near.ts';

const HALF_MIB = 512 * 1024;

test('the search begins at the segment that was saved nearest to the time, and goes on to both sides', () => {
  expect(rangesOf(logOf(9), 4_000)).toEqual(['4-5', '2-3', '6-7', '0-1', '8-8']);
  expect(rangesOf(logOf(9), 4_400)).toEqual(rangesOf(logOf(9), 4_000));
});

test('at either end, and beyond, it goes the one way that there is', () => {
  expect(rangesOf(logOf(4), -1)).toEqual(['0-1', '2-3']);
  expect(rangesOf(logOf(4), 99_000)).toEqual(['3-3', '1-2', '0-0']);
  expect(rangesOf([], 5)).toEqual([]);
});

test('however long the log is, it ends after some megabytes', () => {
  const ranges = rangesOf(logOf(1_000), 500_000);
  expect(ranges.length).toBeLessThanOrEqual(10);
  expect(ranges[0]).toBe('500-501');
});

test('a clock that went back does no harm: it is the time that counts, not the place', () => {
  const times = [10_000, 11_000, 12_000, 1_000, 2_000];
  const keys = logOf(5).map((key, index) => ({ ...key, savedAt: times[index] ?? 0 }));
  expect(rangesOf(keys, 2_000)[0]).toBe('4-4');
  expect(rangesOf(keys, 11_000)[0]).toBe('1-2');
});

test('segments saved in the same millisecond are all beside it', () => {
  const keys = logOf(20).map((key) => ({ ...key, savedAt: 7, bytes: 100 }));
  expect(rangesOf(keys, 7)).toEqual(['19-19', '0-18']);
});

/** Segments of half a mebibyte, saved a second apart. */
function logOf(count: number): SegmentKey[] {
  return Array.from({ length: count }, (_, index) => ({
    position: index + 1,
    stream: { epoch: 'e'.repeat(32) as EpochId, queue: 'orders', priority: 3 },
    first: index + 1,
    count: 1,
    bytes: HALF_MIB,
    savedAt: index * 1_000,
  }));
}

function rangesOf(keys: readonly SegmentKey[], timeMs: number): string[] {
  return [...stretchesNear(keys, timeMs)].map(({ start, end }) => `${start}-${end - 1}`);
}
