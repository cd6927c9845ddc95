import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { FaultName } from './fault-catalogue.ts';

/** What came of repeating one fault. */
export interface CycleRecord {
  readonly fault: FaultName;
  /** Cycles of fault, recovery and check that ran to their end. */
  readonly cycles: number;
  /** How often the fault really happened: at least once in each cycle. */
  readonly fired: number;
  /** Cycles after which something was lost, doubled, changed, out of order or stuck. */
  readonly failures: number;
  /** Replays the run, together with the number of cycles. */
  readonly seed: string;
  readonly seconds: number;
  /** Figures for people, such as how many messages were checked. */
  readonly detail: string;
}

/** The folder to which runs that are to be published write; none by default. */
export const RESULTS_VARIABLE = 'FIELDPOST_RESULTS';
export const RECORDS_FILE = 'cycles.jsonl';

/** Varies the runs: the same seed draws the same faults. */
export const CHAOS_SEED = process.env['CHAOS_SEED'] ?? '1';

/** Notes the record for the published table, when this run is one that is published. */
export function recordCycles(record: CycleRecord): void {
  const folder = process.env[RESULTS_VARIABLE];
  if (folder === undefined || folder === '') return;
  mkdirSync(folder, { recursive: true });
  appendFileSync(join(folder, RECORDS_FILE), `${JSON.stringify(record)}\n`);
}
