import { createRng } from '@fieldpost/protocol';
import { describe, expect, test } from 'vitest';
import { trendOf } from './trend.ts';

const MIB = 1024 * 1024;

describe('a row is flat', () => {
  test.each([
    ['that does not change', () => 80],
    ['that only warms up', (index: number) => 80 - 40 * Math.exp(-index / 2)],
    ['that falls', (index: number) => 100 - index],
    ['with one high value', (index: number) => (index === 25 ? 500 : 80)],
    ['that rises less than is allowed', (index: number) => 80 + index * 0.1],
  ])('%s', (_, of) => {
    expect(trendOf(row(30, of), 16 * MIB)).toMatchObject({ isFlat: true });
  });

  test('of nothing but noise, in all but one of a hundred', () => {
    const rng = createRng('noise');
    const judged = Array.from({ length: 300 }, () =>
      trendOf(
        row(30, () => 80 + rng.next() * 60),
        0,
      ),
    );
    expect(judged.filter(({ isFlat }) => !isFlat).length).toBeLessThan(12);
  });
});

test.each([
  ['small and steady', 1, 4],
  ['in noise', 2, 40],
  ['in short runs', 4, 4],
])('a planted leak is seen: %s', (_, perSample, noise) => {
  const rng = createRng(`leak ${perSample}`);
  const length = perSample === 4 ? 12 : 40;
  const leaking = row(length, (index) => 80 + index * perSample + rng.next() * noise);
  expect(trendOf(leaking, 16 * MIB)).toMatchObject({ isFlat: false });
});

test('a few values prove nothing', () => {
  expect(trendOf([], 0).isFlat).toBe(true);
  expect(trendOf([1, 2, 3], 0).isFlat).toBe(true);
});

function row(length: number, mib: (index: number) => number): number[] {
  return Array.from({ length }, (_, index) => mib(index) * MIB);
}
