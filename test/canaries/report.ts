import type { Canary, NotApplicable, Verdict } from './canary.ts';

/**
 * What `npm run canaries` leaves in `.reports/canaries.json`, for the table in the guide on reliability.
 *
 * `rows` has one row for each canary and check that ran, and one for each bug that cannot be planted yet, in the order of
 * the lists. A run is good when no row is `missed`, `stale` or `broken`.
 */
export interface CanaryReport {
  /** ISO 8601, UTC. */
  readonly finishedAt: string;
  readonly share: 'quick' | 'nightly';
  readonly seconds: number;
  readonly rows: readonly CanaryRow[];
}

export type CanaryRow =
  | {
      readonly name: string;
      /** What the product would do wrong, in words. */
      readonly bug: string;
      readonly outcome: Verdict['outcome'];
      /** What noticed: a test with its name, or a suite with its checker or invariant. */
      readonly caughtBy: string;
      /** `used` of the `budget`, in tests, states, power losses or seeds. */
      readonly effort: Verdict['effort'];
      readonly seconds: number;
      /** The beginning of what it said. */
      readonly detail: string;
    }
  | {
      readonly name: string;
      readonly bug: string;
      readonly outcome: 'not-applicable';
      readonly reason: string;
    };

export function rowOf(canary: Canary, verdict: Verdict, seconds: number): CanaryRow {
  const { outcome, by, effort, detail } = verdict;
  const { name, bug } = canary;
  return { name, bug, outcome, caughtBy: by, effort, seconds: Math.round(seconds * 10) / 10, detail };
}

export function notApplicableRow({ name, bug, reason }: NotApplicable): CanaryRow {
  return { name, bug, outcome: 'not-applicable', reason };
}

/** The line of a row, for people. */
export function lineOf(row: CanaryRow): string {
  if (row.outcome === 'not-applicable') return `not yet   ${row.name}: ${row.reason}`;
  const { used, budget, unit } = row.effort;
  const cost = `${used} of ${budget} ${unit}, ${row.seconds.toFixed(1)} s`;
  const said = row.outcome === 'caught' ? '' : `\n          ${row.detail}`;
  return `${row.outcome.padEnd(10)}${row.name.padEnd(39)}${cost.padEnd(28)}${row.caughtBy}${said}`;
}

/** Whether the run has to fail. */
export function isBad({ outcome }: CanaryRow): boolean {
  return outcome !== 'caught' && outcome !== 'not-applicable';
}
