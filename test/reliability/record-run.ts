import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { RunRecord } from './run-record.ts';

/** The folder to which runs that are to be published write; none by default. Its name must not look like a setting of the gateway. */
export const RESULTS_VARIABLE = 'CHAOS_RESULTS';
export const RECORDS_FILE = 'records.jsonl';

/** Varies the runs: the same seed draws the same faults. */
export const CHAOS_SEED = process.env['CHAOS_SEED'] ?? '1';

/** Notes the record for the published tables, when this run is one that is published. */
export function recordRun(record: RunRecord): void {
  const folder = process.env[RESULTS_VARIABLE];
  if (folder === undefined || folder === '') return;
  mkdirSync(folder, { recursive: true });
  appendFileSync(join(folder, RECORDS_FILE), `${JSON.stringify(record)}\n`);
}
