import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Check, Verdict } from '../canary.ts';
import { beginningOf, runNode } from './run-command.ts';

type SuiteCheck = Extract<Check, { readonly kind: 'suite' }>;

/** Runs a test file in a source copy until its first failure. */
export async function runSuite(folder: string, check: SuiteCheck): Promise<Verdict> {
  const { tests, output } = await runVitest(folder, check);
  const failed = tests?.find(({ status }) => status === 'failed');
  const ran = tests?.filter(({ status }) => status !== 'pending' && status !== 'skipped').length ?? 0;
  const effort = effortOf(check, tests?.length ?? 0, ran, failed?.failureMessages[0] ?? '');
  if (check.by === 'unhandled rejection' && output.includes('Unhandled Rejection')) {
    const said = output.slice(output.indexOf('Unhandled Rejection'));
    return { outcome: 'caught', by: `${check.file}: unhandled rejection`, effort, detail: beginningOf(said) };
  }
  if (tests === undefined || ran === 0)
    return { outcome: 'broken', by: check.file, effort, detail: beginningOf(output) };
  if (failed === undefined || check.by !== undefined)
    return { outcome: 'missed', by: check.file, effort, detail: failed?.fullName ?? '' };
  const detail = beginningOf(failed.failureMessages[0] ?? '');
  return { outcome: 'caught', by: `${check.file}: ${failed.fullName.trim()}`, effort, detail };
}

function effortOf({ cycles, test }: SuiteCheck, tests: number, ran: number, said: string): Verdict['effort'] {
  if (cycles === undefined) return { unit: 'tests', used: ran, budget: test === undefined ? tests : ran };
  const used = Number(/\bcycle (\d+)/.exec(said)?.[1] ?? cycles.count);
  return { unit: 'cycles', used, budget: cycles.count };
}

interface TestResult {
  readonly fullName: string;
  readonly status: string;
  readonly failureMessages: readonly string[];
}

async function runVitest(
  folder: string,
  { project, file, test, cycles }: SuiteCheck,
): Promise<{ readonly tests: readonly TestResult[] | undefined; readonly output: string }> {
  const report = join(folder, '.reports/suite.json');
  rmSync(report, { force: true });
  const words = ['node_modules/vitest/vitest.mjs', 'run', `--project=${project}`, file, '--bail=1'];
  words.push('--reporter=default', '--reporter=json', `--outputFile.json=${report}`);
  if (test !== undefined) words.push('-t', test);
  const repeated = cycles === undefined ? {} : { [cycles.variable]: String(cycles.count) };
  const { output } = await runNode(folder, words, repeated);
  if (!existsSync(report)) return { tests: undefined, output };
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as {
    readonly testResults: readonly { readonly assertionResults: readonly TestResult[] }[];
  };
  return { tests: testResults.flatMap(({ assertionResults }) => assertionResults), output };
}
