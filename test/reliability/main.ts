import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CANARIES_FILE, parseRun, readPublished, type Run, RUNS_FILE } from './history.ts';
import { reliabilityPage } from './page.ts';
import { RECORDS_FILE } from './record-run.ts';

// npm run reliability-report                               writes docs/guides/reliability.md from docs/reliability
// npm run reliability-report -- --add .reports/nightly     adds a run to that first, and the last run of the planted bugs

const REPOSITORY = join(import.meta.dirname, '../..');
const { values } = parseArgs({ options: { add: { type: 'string', multiple: true } } });

for (const folder of values.add ?? []) addRun(folder);
const page = join(REPOSITORY, 'docs/guides/reliability.md');
writeFileSync(page, reliabilityPage(readPublished()));
spawnSync(
  'oxfmt',
  [RUNS_FILE, CANARIES_FILE].filter((file) => existsSync(file)),
  { cwd: REPOSITORY, stdio: 'inherit' },
);
process.stdout.write(`wrote ${page}\n`);

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
  const canaries = join(REPOSITORY, '.reports/canaries.json');
  if (existsSync(canaries)) copyFileSync(canaries, CANARIES_FILE);
}
