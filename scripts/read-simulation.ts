import type { SimulationRecord } from '../test/reliability/run-record.ts';

/** The figures of `npm run simulate`, from what it prints at its end. Undefined when it did not come to its end. */
export function readSimulation(said: string, seconds: number): SimulationRecord | undefined {
  const summary = /^(\d+) seeds, (\d+) failed: (\d+) messages, (\d+) faults/m.exec(said);
  if (summary === null) return undefined;
  const [seeds = 0, failures = 0, messages = 0, faults = 0] = summary.slice(1).map(Number);
  const coverage = said
    .split('\n')
    .filter((line) => /^\w+: \d+ of \d+ state × event cells reached$/.test(line));
  return { type: 'simulation', firstSeed: 1, seeds, failures, messages, faults, seconds, coverage };
}
