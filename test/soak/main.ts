import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CHAOS_SEED, recordRun } from '../reliability/record-run.ts';
import { type Measure, MEASURES } from './measure.ts';
import type { Plant } from './plant-leak.ts';
import { figureOf, soakPage } from './soak-report.ts';
import { soak, type SoakOptions } from './soak.ts';

// npm run soak -- --minutes 30 --devices 200 [--seed S] [--plant handles|rows]
// Exit codes: 0 all is well, 1 something was wrong, or a planted leak was not noticed.

const REPORT = join(import.meta.dirname, '../../.reports/soak');
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    devices: { type: 'string', default: '200' },
    seed: { type: 'string', default: CHAOS_SEED },
    plant: { type: 'string' },
  },
});

const plants: Readonly<Record<string, Plant>> = { handles: 'handles', rows: 'rows' };
const plant = values.plant === undefined ? undefined : plants[values.plant];
const options: SoakOptions = {
  minutes: Number(values.minutes),
  devices: Number(values.devices),
  seed: values.seed,
  say,
  ...(plant === undefined ? {} : { plant }),
};
const result = await soak(options);
mkdirSync(REPORT, { recursive: true });
writeFileSync(join(REPORT, 'report.html'), soakPage(options, result));
writeFileSync(join(REPORT, 'samples.json'), `${JSON.stringify(result.samples, undefined, 2)}\n`);
const figures = (Object.keys(MEASURES) as Measure[]).map((name) => figureOf(name, result));
if (plant === undefined) {
  recordRun({
    type: 'soak',
    minutes: options.minutes,
    devices: options.devices,
    messages: result.messages,
    faults: Object.values(result.faults).reduce((sum, count) => sum + count, 0),
    failures: result.problems.length,
    seed: options.seed,
    figures,
  });
}
for (const line of figures) say(line);
for (const problem of result.problems) say(`WRONG: ${problem}`);
say(`${result.messages} messages; charts in .reports/soak/report.html`);
const isGood = plant === undefined ? result.problems.length === 0 : result.problems.length > 0;
process.exitCode = isGood ? 0 : 1;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
