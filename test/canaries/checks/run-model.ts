import type { Check, Verdict } from '../canary.ts';
import { beginningOf, runNode } from './run-command.ts';

/** Explores a small world with the bug in it. */
export async function runModel(
  folder: string,
  { world, statesMax }: Extract<Check, { readonly kind: 'model' }>,
): Promise<Verdict> {
  const words = ['--conditions=@fieldpost/source', 'test/model/main.ts', '--world', world];
  const { output } = await runNode(folder, [...words, '--states-max', String(statesMax)]);
  const states = Number(/(\d+) states/.exec(output)?.[1] ?? 0);
  const effort = { unit: 'states', used: states, budget: statesMax } as const;
  if (states === 0) return { outcome: 'broken', by: `model ${world}`, effort, detail: beginningOf(output) };
  const [, invariant = '', problem = ''] = /BROKEN: ([^:]+): (.+)/.exec(output) ?? [];
  if (invariant === '') return { outcome: 'missed', by: `model ${world}`, effort, detail: '' };
  return { outcome: 'caught', by: `test/model (${world}): ${invariant}`, effort, detail: problem };
}
