import { createRng } from '@fieldpost/protocol';
import { expect, test } from 'vitest';
import { SERVER_FAULTS, TABLET_FAULTS } from './faults.ts';
import { drawPlan, type FaultLevel, type Plan } from './plan.ts';

test('the same seed gives the same plan, another seed another one', () => {
  expect(draw('some', 1)).toEqual(draw('some', 1));
  expect(draw('some', 1)).not.toEqual(draw('some', 2));
});

test('none plans nothing', () => {
  expect(draw('none', 1)).toEqual({ tablets: [[], [], [], []], servers: [] });
});

test.each([
  ['some', 1],
  ['many', 3],
] as const)('%s plans every kind %i times', (level, times) => {
  for (const seed of [1, 2, 3]) {
    const { tablets, servers } = draw(level, seed);
    for (const kind of TABLET_FAULTS)
      expect(tablets.flat().filter((fault) => fault.kind === kind)).toHaveLength(times);
    for (const kind of SERVER_FAULTS)
      expect(servers.filter((fault) => fault.kind === kind)).toHaveLength(times);
    expect(servers.filter(({ kind }) => kind === 'gateway-kill-before-ack')).toHaveLength(1);
  }
});

test('faults of a tablet come one after the other and before its last order', () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    for (const faults of draw('many', seed).tablets) {
      const places = faults.map(({ at }) => at);
      expect(places).toEqual(places.toSorted((one, other) => one - other));
      expect(places.every((at) => at >= 0 && at < 75)).toBe(true);
    }
  }
});

test('half-open lines come first, because it takes so long to notice them', () => {
  for (const faults of draw('many', 7).tablets) {
    const kinds = faults.map(({ kind }) => kind);
    const count = kinds.filter((kind) => kind === 'half-open').length;
    expect(kinds.slice(0, count)).toEqual(Array.from({ length: count }, () => 'half-open'));
  }
});

test('too few orders for faults are refused', () => {
  expect(() => drawPlan({ level: 'some', orders: [75, 3], rng: createRng(1) })).toThrow(/at least 8/);
});

function draw(level: FaultLevel, seed: number): Plan {
  return drawPlan({ level, orders: [75, 75, 75, 75], rng: createRng(seed) });
}
