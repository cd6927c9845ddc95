import { expect, test } from 'vitest';
import { backoffDelayMs } from './backoff.ts';
import { LIMITS } from './limits.ts';

test('the longest possible delay doubles up to its limit', () => {
  const ceilings = [1, 2, 3, 6, 7, 8].map(
    (attempt) => backoffDelayMs(attempt, 1 - Number.EPSILON, 500, 30_000) + 1,
  );
  expect(ceilings).toEqual([500, 1000, 2000, 16_000, 30_000, 30_000]);
});

test('jitter takes any part of it, down to none', () => {
  expect(backoffDelayMs(4, 0)).toBe(0);
  expect(backoffDelayMs(1, 0.5)).toBe(LIMITS.backoffFirstMs / 2);
});

test('a device that tried for years still has a finite delay', () => {
  expect(backoffDelayMs(1_000_000, 0.999)).toBeLessThan(LIMITS.backoffMaxMs);
});
