import { expect, test } from 'vitest';
import { createRng } from './rng.ts';

const draws = (seed: string): number[] => {
  const rng = createRng(seed);
  return Array.from({ length: 5 }, () => rng.next());
};

test('one seed gives the same draws for ever', () => {
  expect(draws('a')).toEqual(draws('a'));
  expect(createRng('pinned').bytes(6)).toEqual(Uint8Array.of(198, 189, 249, 66, 211, 48));
});

test('similar seeds give other draws', () => {
  expect(draws('1')).not.toEqual(draws('2'));
});

test('a fork is not disturbed by draws of its parent', () => {
  const undisturbed = createRng('a').fork('network').next();
  const parent = createRng('a');
  parent.next();
  expect(parent.fork('network').next()).toBe(undisturbed);
  expect(parent.fork('disk').next()).not.toBe(undisturbed);
});

test('draws spread evenly over their range', () => {
  const rng = createRng('spread');
  const counts = Array.from({ length: 10 }, () => 0);
  for (let draw = 0; draw < 10_000; draw++) {
    const at = rng.below(10);
    counts[at] = (counts[at] ?? 0) + 1;
  }
  for (const count of counts) expect(count).toBeGreaterThan(850);
});

test('chance and pick keep to what they are given', () => {
  const rng = createRng('bounds');
  expect(rng.chance(0)).toBe(false);
  expect(rng.chance(1)).toBe(true);
  expect(rng.pick(['only'])).toBe('only');
  expect(() => rng.pick([])).toThrow(RangeError);
});
