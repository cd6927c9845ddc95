import type { Canary, Check, Verdict } from './canary.ts';
import { runModel } from './checks/run-model.ts';
import { runPowerLoss } from './checks/run-power-loss.ts';
import { runSimulation } from './checks/run-simulation.ts';
import { runSuite, runWorlds } from './checks/run-suite.ts';
import { applyEdit, readModule, type SourceCopy, StaleEdit } from './source-copy.ts';

/** Plants a bug and runs one of its checks. */
export async function runCheck(copy: SourceCopy, canary: Canary, check: Check): Promise<Verdict> {
  const stale = findStaleEdit(canary);
  if (stale !== undefined) {
    const effort = { unit: 'tests', used: 0, budget: 0 } as const;
    return { outcome: 'stale', by: '', effort, detail: stale };
  }
  // The simulator plants bugs while it loads modules, and needs no copy.
  if (check.kind === 'simulation') return runSimulation(canary.edits, check);
  return copy.withEdits(canary.edits, () => runInCopy(copy.folder, check));
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
    case 'worlds':
      return runWorlds(folder);
    case 'model':
      return runModel(folder, check);
    case 'power-loss':
      return runPowerLoss(folder, check);
  }
}
