import type { Asked } from '../swarm.ts';

/** A world that once showed a fault. */
export interface Regression {
  readonly seed: number;
  readonly asked: Asked;
  /** What it showed. */
  readonly found: string;
}

/**
 * What a world is made of changes with the simulator and with what it simulates: these have shown their faults with those
 * of their time. A rule that a fault has taught us has a test of its own beside them.
 */
export const REGRESSIONS: readonly Regression[] = [
  {
    seed: 21,
    asked: {},
    found: 'a page whose database failed while it was opened stayed without an outbox for good',
  },
  { seed: 84, asked: {}, found: 'a send repeated under its own id, while its stored copy could not be read' },
  { seed: 100, asked: {}, found: 'a welcome with a time that is no whole number, refused for ever' },
];
