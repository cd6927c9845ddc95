import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Canary, Check } from './canary.ts';
import { ALL_CANARIES } from './list/all-canaries.ts';
import { NOT_APPLICABLE } from './list/not-applicable.ts';
import { type CanaryReport, type CanaryRow, isBad, lineOf, notApplicableRow, rowOf } from './report.ts';
import { runCheck } from './run-check.ts';
import { SourceCopy } from './source-copy.ts';

// npm run canaries                      plants the bugs of the quick share, one after the other
// npm run canaries -- --nightly         all of them, with every check
// npm run canaries -- --only NAME       one, with every check
// Exit codes: 0 all were caught, 1 one was not, or could not be planted, 2 not understood.

const REPOSITORY = join(import.meta.dirname, '../..');
const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    nightly: { type: 'boolean', default: false },
    workers: { type: 'string', default: '2' },
  },
});

interface Task {
  readonly place: number;
  readonly canary: Canary;
  readonly check: Check;
}

const unknown = values.only?.filter((name) => ALL_CANARIES.every((canary) => canary.name !== name)) ?? [];
if (unknown.length > 0) {
  say(
    `no canary is called ${unknown.join(', ')}. There are:\n${ALL_CANARIES.map(({ name }) => `  ${name}`).join('\n')}`,
  );
  process.exitCode = 2;
} else {
  process.exitCode = await run(chooseTasks());
}

function chooseTasks(): Task[] {
  const { only, nightly } = values;
  return ALL_CANARIES.filter(({ name }) => only?.includes(name) ?? true)
    .flatMap((canary) => canary.checks.map((check) => ({ canary, check })))
    .filter(({ check }) => nightly || only !== undefined || check.when === 'quick')
    .map((task, place) => ({ ...task, place }));
}

async function run(tasks: readonly Task[]): Promise<number> {
  const startedAt = performance.now();
  const rows: CanaryRow[] = [];
  const waiting = [...tasks];
  const work = async (): Promise<void> => {
    const copy = new SourceCopy();
    try {
      for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) {
        const begunAt = performance.now();
        const verdict = await runCheck(copy, task.canary, task.check);
        const row = rowOf(task.canary, verdict, (performance.now() - begunAt) / 1000);
        rows[task.place] = row;
        say(lineOf(row));
      }
    } finally {
      copy.dispose();
    }
  };
  await Promise.all(Array.from({ length: Math.min(Number(values.workers), tasks.length) }, work));
  if (values.only === undefined) rows.push(...NOT_APPLICABLE.map(notApplicableRow));
  for (const row of rows) if (row.outcome === 'not-applicable') say(lineOf(row));
  writeReport(rows, (performance.now() - startedAt) / 1000);
  const bad = rows.filter(isBad);
  say(`${rows.length - bad.length} as they should be, ${bad.length} not`);
  return bad.length === 0 ? 0 : 1;
}

function writeReport(rows: readonly CanaryRow[], seconds: number): void {
  if (values.only !== undefined) return;
  const report: CanaryReport = {
    finishedAt: new Date().toISOString(),
    share: values.nightly ? 'nightly' : 'quick',
    seconds: Math.round(seconds),
    rows,
  };
  mkdirSync(join(REPOSITORY, '.reports'), { recursive: true });
  writeFileSync(join(REPOSITORY, '.reports/canaries.json'), `${JSON.stringify(report, undefined, 2)}\n`);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
