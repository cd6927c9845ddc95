import { expect } from 'vitest';
import { recordRun } from '../reliability/record-run.ts';
import type { CycleRecord } from '../reliability/run-record.ts';

export interface Cycles {
  readonly fault: CycleRecord['fault'];
  readonly seed: string;
  readonly count: number;
  /** Causes the fault, and tells how often it met something. */
  readonly cause: (cycle: number) => Promise<number>;
  /** After the fault: drains and compares. */
  readonly check: (cycle: number) => Promise<readonly string[]>;
  /** When all cycles are over, whatever came of them. */
  readonly end: () => Promise<void>;
  /** For the record: what was compared. */
  readonly detail: () => string;
}

/** Runs cycles until one finds a problem, and notes them. Fails for a fault that met nothing, and for every problem. */
export async function runCycles({ fault, seed, count, cause, check, end, detail }: Cycles): Promise<void> {
  const from = performance.now();
  let cycles = 0;
  let fired = 0;
  let problems: readonly string[] = [];
  try {
    while (cycles < count && problems.length === 0) {
      const met = await cause(cycles);
      expect(met, `cycle ${cycles + 1} of ${seed}: ${fault} met nothing`).toBeGreaterThan(0);
      problems = await check(cycles).catch((error: unknown) => [String(error)]);
      fired += met;
      cycles += 1;
    }
  } finally {
    await end();
  }
  recordRun({
    type: 'cycles',
    fault,
    cycles,
    fired,
    failures: problems.length > 0 ? 1 : 0,
    seed,
    seconds: Math.round((performance.now() - from) / 1000),
    detail: detail(),
  });
  expect(problems, `cycle ${cycles} of ${seed}`).toEqual([]);
}
