/** A bug that somebody could well make, planted into a copy of the source to see who notices. */
export interface Canary {
  readonly name: string;
  /** What the product would do wrong. */
  readonly bug: string;
  readonly edits: readonly Edit[];
  /** Each of them has to notice, by itself. */
  readonly checks: readonly Check[];
}

/** A change to one module. Its place has to be there exactly once, so that one that no longer fits fails the run. */
export interface Edit {
  /** From the root of the repository. */
  readonly module: string;
  readonly find: string;
  /** TypeScript of the kind whose types are stripped. */
  readonly replace: string;
}

/** In every run of the tests, or only at night. */
type When = 'quick' | 'nightly';

export type Check =
  /** A test file. With `test`, only tests whose name this pattern fits. */
  | {
      readonly kind: 'suite';
      readonly when: When;
      readonly project: 'unit' | 'wire' | 'browser' | 'hazards' | 'chaos';
      readonly file: string;
      readonly test?: string;
      /** For a suite that repeats its fault: how often, by which variable. */
      readonly cycles?: { readonly variable: string; readonly count: number };
      /** What has to fail: an assertion, unless the bug shows as a promise whose rejection nobody handled. */
      readonly by?: 'unhandled rejection';
    }
  /** Every state of a small world: `test/model`. */
  | { readonly kind: 'model'; readonly when: When; readonly world: string; readonly statesMax: number }
  /** The SQLite store under load, and then no power: `test/chaos/crash-cycles.ts`. */
  | { readonly kind: 'power-loss'; readonly when: When; readonly cycles: number }
  /** Simulated fleets, seed after seed: `test/simulation`. */
  | {
      readonly kind: 'simulation';
      readonly when: When;
      readonly seeds: number;
      /** The planted bug is that disks confirm what they have not written. */
      readonly deviceDurability?: 'relaxed';
    };

/** A bug of the list that cannot be planted, because what it would break is not there. */
export interface NotApplicable {
  readonly name: string;
  readonly bug: string;
  readonly reason: string;
}

/** What a check said of a canary. */
export interface Verdict {
  /**
   * `missed`: nobody noticed. `stale`: the text to change is not there any more. `broken`: the check could not be run, so
   * it says nothing.
   */
  readonly outcome: 'caught' | 'missed' | 'stale' | 'broken';
  /** Which assertion, checker or invariant noticed. */
  readonly by: string;
  /** How much of its budget the check used. */
  readonly effort: Effort;
  /** The beginning of what it said. */
  readonly detail: string;
}

interface Effort {
  readonly unit: 'tests' | 'states' | 'cycles' | 'seeds';
  readonly used: number;
  readonly budget: number;
}
