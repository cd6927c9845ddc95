import type { Canary, Check, Verdict } from './canary.ts';
import { runModel } from './checks/run-model.ts';
import { runPowerLoss } from './checks/run-power-loss.ts';
import { FIRST_SEED, runSimulation } from './checks/run-simulation.ts';
import { runSuite } from './checks/run-suite.ts';
import { applyEdit, readModule, type SourceCopy, StaleEdit } from './source-copy.ts';

/** Plants a bug and runs one of its checks. */
export async function runCheck(copy: SourceCopy, canary: Canary, check: Check): Promise<Verdict> {
  const stale = findStaleEdit(canary);
  if (stale !== undefined) {
    const effort = { unit: 'tests', used: 0, budget: 0 } as const;
    return { outcome: 'stale', by: '', effort, detail: stale };
  }
  // The simulator plants bugs while it loads modules, and needs no copy.
  const verdict =
    check.kind === 'simulation'
      ? await runSimulation(canary.edits, check)
      : await copy.withEdits(canary.edits, () => runInCopy(copy.folder, check));
  if (verdict.outcome !== 'caught') return verdict;
  const without = await runWithoutBug(copy, check, verdict);
  if (without.outcome === 'missed') return verdict;
  return { ...verdict, outcome: 'broken', detail: `also without the bug: ${without.by} ${without.detail}` };
}

/** By suite: what it says of the source as it is. */
const suitesWithoutBug = new Map<string, Promise<Verdict>>();

/** A check that fails without the bug as well has not noticed it. Repeats as much of the check as it took to fail. */
function runWithoutBug(copy: SourceCopy, check: Check, { effort }: Verdict): Promise<Verdict> {
  switch (check.kind) {
    case 'suite': {
      const key = JSON.stringify([check.file, check.test]);
      const { cycles } = check;
      const once = cycles === undefined ? check : { ...check, cycles: { ...cycles, count: effort.used } };
      const known = suitesWithoutBug.get(key) ?? runSuite(copy.folder, once);
      suitesWithoutBug.set(key, known);
      return known;
    }
    case 'model':
      return runModel(copy.folder, { ...check, statesMax: effort.used });
    case 'power-loss':
      return runPowerLoss(copy.folder, { ...check, cycles: effort.used });
    case 'simulation':
      return runSimulation([], { seeds: 1 }, FIRST_SEED + effort.used - 1);
  }
}

/** Why an edit of a canary no longer fits the source; undefined when all do. */
export function findStaleEdit(canary: Canary): string | undefined {
  const texts = new Map<string, string>();
  try {
    for (const edit of canary.edits)
      texts.set(edit.module, applyEdit(texts.get(edit.module) ?? readModule(edit.module), edit));
    return undefined;
  } catch (error) {
    if (error instanceof StaleEdit) return error.message;
    throw error;
  }
}

function runInCopy(folder: string, check: Exclude<Check, { readonly kind: 'simulation' }>): Promise<Verdict> {
  switch (check.kind) {
    case 'suite':
      return runSuite(folder, check);
    case 'model':
      return runModel(folder, check);
    case 'power-loss':
      return runPowerLoss(folder, check);
  }
}
