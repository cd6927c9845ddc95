import type { Rng } from '@fieldpost/protocol';
import type { World } from '../world.ts';

/**
 * - `fired`: it happened.
 * - `armed`: it will happen at the next occasion, and is counted then.
 * - `not-now`: there is nothing here that it could happen to; it is tried again later.
 */
export type Strike = 'fired' | 'armed' | 'not-now';

/** One kind of fault. To add one: write it into a file of this folder and list it in `all-faults.ts`. */
export interface FaultKind {
  /** Words with hyphens, as `--faults` takes them. */
  readonly name: string;
  /** What happens, in one line. */
  readonly about: string;
  /** Whether worlds draw it unless told otherwise. */
  readonly isDrawn?: boolean;
  /** How often one world can bear it. Default: as often as it is drawn. */
  readonly most?: number;
  strike(world: World, rng: Rng): Strike;
}
