import { expect, test } from 'vitest';
import { isoTime } from './iso-time.ts';

test('a time is written as Date writes it, the first time and again, however many there were between', () => {
  const times = Array.from({ length: 200 }, (_, index) => 1_800_000_000_000 + index * 37);
  for (const time of [...times, ...times, ...times.slice(0, 3), ...times.slice(0, 3)])
    expect(isoTime(time)).toBe(new Date(time).toISOString());
});

test('what is no time is refused', () => {
  expect(() => isoTime(Number.NaN)).toThrow(RangeError);
  expect(() => isoTime(Number.NaN)).toThrow(RangeError);
});
