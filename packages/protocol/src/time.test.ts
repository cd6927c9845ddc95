import { expect, test } from 'vitest';
import { instant, later, parseDuration } from './time.ts';

test.each<[unknown, number]>([
  [0, 0],
  [1.4, 1],
  [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  ['250ms', 250],
  ['20s', 20_000],
  ['1.5m', 90_000],
  ['8h', 28_800_000],
  ['7d', 604_800_000],
])('%j is %d milliseconds', (duration, milliseconds) => {
  expect(parseDuration(duration)).toBe(milliseconds);
});

test.each([
  -1,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  2 ** 53,
  1e300,
  '',
  '5',
  '5 s',
  '-5s',
  '5S',
  '1e3s',
  '999999999999999d',
  '5s\n',
  null,
  undefined,
  ['5s', '6s'],
  5n,
])('%s is no duration', (duration) => {
  expect(parseDuration(duration)).toBeUndefined();
});

test('instants move by milliseconds', () => {
  expect(later(instant(100), 50)).toBe(150);
});
