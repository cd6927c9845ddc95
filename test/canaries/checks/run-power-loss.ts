import type { Check, Verdict } from '../canary.ts';
import { beginningOf, runNode } from './run-command.ts';

const LEDGER = 'test/chaos/store-ledger.ts';

/** Cuts the power of the store with the bug in it until its ledger finds something. */
export async function runPowerLoss(
  folder: string,
  { cycles }: Extract<Check, { readonly kind: 'power-loss' }>,
): Promise<Verdict> {
  const program = 'test/canaries/power-loss/main.ts';
  const words = ['--conditions=@fieldpost/source', program, '--cycles', String(cycles)];
  const { output } = await runNode(folder, words);
  const line = output.split('\n').findLast((text) => text.startsWith('{'));
  if (line === undefined) {
    const effort = { unit: 'cycles', used: 0, budget: cycles } as const;
    return { outcome: 'broken', by: LEDGER, effort, detail: beginningOf(output) };
  }
  const found = JSON.parse(line) as { readonly cycles: number; readonly problems: readonly string[] };
  const effort = { unit: 'cycles', used: found.cycles, budget: cycles } as const;
  const [problem] = found.problems;
  if (problem === undefined) return { outcome: 'missed', by: LEDGER, effort, detail: '' };
  return { outcome: 'caught', by: `${LEDGER}: ledger after power loss`, effort, detail: problem };
}
