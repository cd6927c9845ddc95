import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { argumentsOrExplain } from '../support/arguments-or-explain.ts';
import { type FieldDayArguments, readArguments, USAGE } from './arguments.ts';
import { FieldDay } from './day.ts';
import { showProgress } from './progress.ts';
import { jsonOf, type Report, tableOf } from './report.ts';

// Exit codes: 0 all is well, 1 something is wrong, 2 not understood, 130 interrupted.

const given = argumentsOrExplain(() => readArguments(process.argv.slice(2), () => String(Date.now())), USAGE);
// An interrupted day may still hold something open that no longer matters.
if (given !== undefined) process.exit(await runDay(given));

async function runDay(day: FieldDayArguments): Promise<number> {
  const startedAt = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'fieldpost-field-day-'));
  console.log(
    `field day: ${day.orders} orders, ${day.tablets} tablets, faults ${day.faults}, --seed ${day.seed}`,
  );
  const fieldDay = new FieldDay(day, folder);
  const stopProgress = showProgress(process.stdout, () => fieldDay.progress());
  process.once('exit', () => fieldDay.killNow());
  let keep = day.sabotage === undefined;
  try {
    const result = await Promise.race([fieldDay.run(), interruption()]);
    if (result === undefined) {
      keep = false;
      return 130;
    }
    stopProgress();
    const report = { ...result, seconds: Math.round((performance.now() - startedAt) / 100) / 10 };
    keep &&= report.wrong.length > 0;
    print(report, day);
    return report.wrong.length > 0 ? 1 : 0;
  } finally {
    stopProgress();
    await fieldDay.dispose();
    if (keep) console.error(`The data of this day is kept in ${folder}`);
    else rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function print(report: Report, { json }: FieldDayArguments): void {
  console.log(tableOf(report));
  if (json) console.log(jsonOf(report));
}

/** Resolves with undefined at the first signal. */
function interruption(): Promise<undefined> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.once(signal, () => resolve(undefined));
  });
}
