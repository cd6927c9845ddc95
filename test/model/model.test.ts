import { describe, expect, test } from 'vitest';
import { explore } from './explore.ts';
import { missedFaults, reportOf } from './report.ts';
import { createWorld, FLAWED_WORLDS, QUICK_WORLDS } from './worlds.ts';

const WORLD_TIMEOUT_MS = 300_000;

describe('every state of a small world', () => {
  test.each(QUICK_WORLDS)('$name: $about', { timeout: WORLD_TIMEOUT_MS }, async (setup) => {
    const exploration = explore(createWorld(setup));
    expect(exploration.violation, reportOf(setup, exploration)).toBeUndefined();
    expect(exploration.isComplete).toBe(true);
    expect(missedFaults(setup, exploration)).toEqual([]);
  });
});

describe('a rule left out is missed', () => {
  test.each(FLAWED_WORLDS)(
    '$setup.name: $setup.about',
    { timeout: WORLD_TIMEOUT_MS },
    ({ setup, only, breaks }) => {
      const flawed = explore(createWorld(setup), only === undefined ? {} : { only });
      expect(flawed.violation?.invariant).toBe(breaks);
      // The same world without the flaw, searched as far and farther, is sound: it is the flaw that was found.
      const sound = explore(createWorld({ ...setup, flaws: {} }), { statesMax: 2 * flawed.states });
      expect(sound.violation, reportOf(setup, sound)).toBeUndefined();
    },
  );
});

test('a counterexample is told move by move, as it can be followed', () => {
  const flawed = FLAWED_WORLDS.find(({ setup }) => setup.name === 'mark-after-messages');
  if (flawed === undefined) throw new Error('the world is gone');
  const text = reportOf(flawed.setup, explore(createWorld(flawed.setup)));
  expect(text).toContain('BROKEN: nothing arrives twice: m1 is in the queue twice');
  expect(text).toContain('! the push of tab 1 arrives and the gateway dies between messages and mark');
  expect(text).toContain('device 1: m1 #1 waits · queue: m1 m1 (marks 1)');
});
