import { expect, test } from 'vitest';
import { readSimulation } from './read-simulation.ts';

const SAID = `FAILED seed 7
  liveness: stuck
20 seeds, 1 failed: 4000 messages, 750 faults, 300 simulated minutes, 123456 steps
  all-cut                                  62
session: 30 of 91 state × event cells reached
outbox: 30 of 45 state × event cells reached
`;

test('the figures are those that were printed', () => {
  expect(readSimulation(SAID, 12)).toEqual({
    type: 'simulation',
    firstSeed: 1,
    seeds: 20,
    failures: 1,
    messages: 4000,
    faults: 750,
    seconds: 12,
    coverage: [
      'session: 30 of 91 state × event cells reached',
      'outbox: 30 of 45 state × event cells reached',
    ],
  });
});

test('without an end there are none', () => {
  expect(readSimulation('FAILED seed 7', 12)).toBeUndefined();
});
