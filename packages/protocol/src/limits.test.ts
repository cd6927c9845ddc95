import { expect, test } from 'vitest';
import { LIMITS } from './limits.ts';

test('every limit is a positive whole number', () => {
  for (const [name, value] of Object.entries(LIMITS)) {
    expect(Number.isSafeInteger(value) && value > 0, name).toBe(true);
  }
});

test('the largest message fits a frame, and a full window with its hello fits a request', () => {
  const headBytes = 18;
  expect(headBytes + LIMITS.propertiesBytes + LIMITS.bodyBytesMax).toBeLessThan(LIMITS.frameBytes);
  expect(LIMITS.windowBytes).toBeLessThan(LIMITS.syncBytes);
  expect(LIMITS.frameBytes).toBeLessThanOrEqual(LIMITS.windowBytes);
});

test('the largest properties fit their two-byte length', () => {
  expect(LIMITS.propertiesBytes).toBeLessThan(2 ** 16);
});

test('a hello of all streams and an answer that tells all it may stay below the count of values', () => {
  const valuesPerRefusal = 7;
  const valuesPerStream = 26 + LIMITS.lostTold * 5;
  expect(LIMITS.fatesTold * valuesPerRefusal + LIMITS.helloStreams * valuesPerStream).toBeLessThan(
    LIMITS.frameValues,
  );
});
