import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Check, Verdict } from '../canary.ts';
import { beginningOf, runNode } from './run-command.ts';

type SuiteCheck = Extract<Check, { readonly kind: 'suite' }>;

const EXACTLY_ONCE = 'test/exactly-once/exactly-once.test.ts';
const WORLDS_BUDGET = 62;
/** The first of the worlds that once showed a fault. */
const FIRST_WORLD = '1469734369';

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

function effortOf({ cycles }: SuiteCheck, tests: number, ran: number, said: string): Verdict['effort'] {
  if (cycles === undefined) return { unit: 'tests', used: ran, budget: Math.max(ran, tests) };
  const used = Number(/\bcycle (\d+)/.exec(said)?.[1] ?? cycles.count);
  return { unit: 'cycles', used, budget: cycles.count };
}

/** Runs the random worlds, or one of them; they stop at the first in which something is wrong. */
export async function runWorlds(folder: string, seed?: string): Promise<Verdict> {
  const suite = {
    project: 'unit',
    file: EXACTLY_ONCE,
    test: 'every message arrives once and in order',
  } as const;
  const environment = seed === undefined ? {} : { FIELDPOST_SEED: seed };
  const { tests, output } = await runVitest(folder, suite, environment);
  const failed = tests?.find(({ status }) => status === 'failed');
  const said = failed?.failureMessages[0] ?? '';
  const drawn = /Property failed after (\d+) tests/.exec(said)?.[1];
  // The seeds of worlds that once showed a fault come first.
  const used = drawn === undefined ? 1 : 2 + Number(drawn);
  const effort = { unit: 'worlds', used, budget: WORLDS_BUDGET } as const;
  if (tests === undefined || tests.length === 0)
    return { outcome: 'broken', by: EXACTLY_ONCE, effort, detail: beginningOf(output) };
  if (failed === undefined)
    return { outcome: 'missed', by: EXACTLY_ONCE, effort: { ...effort, used: WORLDS_BUDGET }, detail: '' };
  return { outcome: 'caught', by: `${EXACTLY_ONCE}: ${wrongOf(said)}`, effort, detail: beginningOf(said) };
}

/** The seed of the world in which something was wrong, as far as the test says it. */
export function seedOfWorld({ detail }: Verdict): string {
  return /Counterexample: \[(\d+)\]|seed (\d+)/.exec(detail)?.slice(1).find(Boolean) ?? FIRST_WORLD;
}

/** What the verdict of a world said, in a word. */
function wrongOf(said: string): string {
  const kinds = [
    ['not drained', 'liveness'],
    ['is lost', 'lost'],
    ['arrived and was never saved', 'unexpected'],
    [/arrived \d+ times/, 'duplicated'],
    ['out of order', 'order'],
    ['is written down as', 'fate'],
    ['a tab heard', 'fate'],
  ] as const;
  const found = kinds.find(([words]) => said.search(words) >= 0);
  return found === undefined ? 'a world that failed' : found[1];
}

interface TestResult {
  readonly fullName: string;
  readonly status: string;
  readonly failureMessages: readonly string[];
}

async function runVitest(
  folder: string,
  { project, file, test, cycles }: Pick<SuiteCheck, 'project' | 'file' | 'test' | 'cycles'>,
  environment: Readonly<Record<string, string>> = {},
): Promise<{ readonly tests: readonly TestResult[] | undefined; readonly output: string }> {
  const report = join(folder, '.reports/suite.json');
  rmSync(report, { force: true });
  const words = ['node_modules/vitest/vitest.mjs', 'run', `--project=${project}`, file, '--bail=1'];
  words.push('--reporter=default', '--reporter=json', `--outputFile.json=${report}`);
  if (test !== undefined) words.push('-t', test);
  const repeated = cycles === undefined ? {} : { [cycles.variable]: String(cycles.count) };
  const { output } = await runNode(folder, words, { ...environment, ...repeated });
  if (!existsSync(report)) return { tests: undefined, output };
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as {
    readonly testResults: readonly { readonly assertionResults: readonly TestResult[] }[];
  };
  return { tests: testResults.flatMap(({ assertionResults }) => assertionResults), output };
}
