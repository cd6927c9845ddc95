import type { Asked } from '../swarm.ts';

/** A world that once showed a fault. */
export interface Regression {
  readonly seed: number;
  readonly asked: Asked;
  /** What it showed. */
  readonly found: string;
}

/** What a world is made of changes with the simulator: these have shown their faults with the simulator of their time. */
export const REGRESSIONS: readonly Regression[] = [];
