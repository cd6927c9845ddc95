import { simulateSeeds } from '../../simulation/seed-pool.ts';
import type { Check, Edit, Verdict } from '../canary.ts';
import { beginningOf } from './run-command.ts';

export const FIRST_SEED = 1;
/** What a world says that could not be run to its end, or did too little: nothing of the bug. */
const SAYS_NOTHING: ReadonlySet<string> = new Set(['crash', 'faults', 'messages', 'repeatability']);

/** Simulates fleets with the bug in them, seed after seed, until a checker finds something. */
export async function runSimulation(
  edits: readonly Edit[],
  {
    seeds,
    deviceDurability,
  }: Pick<Extract<Check, { readonly kind: 'simulation' }>, 'seeds' | 'deviceDurability'>,
  firstSeed = FIRST_SEED,
): Promise<Verdict> {
  const numbers = Array.from({ length: seeds }, (_, index) => firstSeed + index);
  const simulation = deviceDurability === undefined ? {} : { deviceDurability };
  const answers = simulateSeeds(numbers, { patches: edits, runs: 1, workers: 1, simulation });
  let used = 0;
  try {
    for await (const { report } of answers) {
      used++;
      const findings = report.findings.filter(({ checker }) => !SAYS_NOTHING.has(checker));
      const [finding] = findings;
      if (finding === undefined) continue;
      const checkers = [...new Set(findings.map(({ checker }) => checker))].join(', ');
      const detail = beginningOf(`seed ${report.seed}: ${finding.detail}`);
      return { outcome: 'caught', by: `test/simulation: ${checkers}`, effort: effortOf(used, seeds), detail };
    }
  } catch (error) {
    const detail = beginningOf(String(error));
    return { outcome: 'broken', by: 'test/simulation', effort: effortOf(used, seeds), detail };
  }
  return { outcome: 'missed', by: 'test/simulation', effort: effortOf(used, seeds), detail: '' };
}

function effortOf(used: number, budget: number): Verdict['effort'] {
  return { unit: 'seeds', used, budget };
}
