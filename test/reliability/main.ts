import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CANARIES_FILE, parseRun, readPublished, type Run, RUNS_FILE } from './history.ts';
import { reliabilityPage } from './page.ts';
import { RECORDS_FILE } from './record-run.ts';
import { field, list } from './run-record.ts';

// npm run reliability-report                               writes docs/guides/reliability.md from docs/reliability
// npm run reliability-report -- --add .reports/nightly     adds a run to that first
// npm run reliability-report -- --canaries .reports/canaries.json   takes over a run of the planted bugs

const REPOSITORY = join(import.meta.dirname, '../..');
const { values } = parseArgs({
  options: { add: { type: 'string', multiple: true }, canaries: { type: 'string' } },
});

for (const folder of values.add ?? []) addRun(folder);
if (values.canaries !== undefined) takeCanaries(values.canaries);
const page = join(REPOSITORY, 'docs/guides/reliability.md');
writeFileSync(page, reliabilityPage(readPublished()));
spawnSync(
  'oxfmt',
  [RUNS_FILE, CANARIES_FILE].filter((file) => existsSync(file)),
  { cwd: REPOSITORY, stdio: 'inherit' },
);
process.stdout.write(`wrote ${page}\n`);

/** Without what the checks said: that names places on the machine that ran them. */
function takeCanaries(file: string): void {
  const report: unknown = JSON.parse(readFileSync(file, 'utf8'));
  const rows = list(report, 'rows').map((row) => ({ ...Object(row), detail: undefined }));
  writeFileSync(CANARIES_FILE, JSON.stringify({ finishedAt: field(report, 'finishedAt'), rows }));
}

/** A folder that a nightly run left: `run.json`, and the records. */
function addRun(folder: string): void {
  const about: unknown = JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8'));
  const records = readFileSync(join(folder, RECORDS_FILE), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line): unknown => JSON.parse(line));
  const run: Run = parseRun({ ...Object(about), records });
  const { runs } = readPublished();
  const others = runs.filter(({ startedAt }) => startedAt !== run.startedAt);
  const all = [...others, run].toSorted((left, right) => (left.startedAt < right.startedAt ? -1 : 1));
  writeFileSync(RUNS_FILE, `${JSON.stringify(all, undefined, 2)}\n`);
}
