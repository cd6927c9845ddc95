import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { field, list, number, parseRecord, type RunRecord, text } from './run-record.ts';

const FOLDER = join(import.meta.dirname, '../../docs/reliability');
/** Every run whose figures are published, the oldest first. */
export const RUNS_FILE = join(FOLDER, 'runs.json');
/** The last run of the planted bugs. */
export const CANARIES_FILE = join(FOLDER, 'canaries.json');
/** What was found in the product, written by whoever fixed it. */
export const FINDINGS_FILE = join(FOLDER, 'findings.json');

/** One run of the nightly programme, or of a part of it. */
export interface Run {
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  /** Of the source that ran. */
  readonly commit: string;
  readonly machine: string;
  readonly records: readonly RunRecord[];
}

export interface Canary {
  readonly bug: string;
  readonly outcome: string;
  readonly caughtBy: string;
  readonly effort: string;
}

/** A fault of the product that the programme found. */
export interface Finding {
  readonly bug: string;
  readonly foundBy: string;
  /** What was changed; empty while it is open. */
  readonly fix: string;
  /** The test, or the seed, that fails without the fix. */
  readonly guard: string;
}

export interface Published {
  readonly runs: readonly Run[];
  readonly canaries: readonly Canary[];
  readonly findings: readonly Finding[];
}

/** Reads everything that the page is made of. */
export function readPublished(): Published {
  return {
    runs: list({ runs: read(RUNS_FILE) }, 'runs').map(parseRun),
    canaries: list(read(CANARIES_FILE), 'rows').map(parseCanary),
    findings: list({ findings: read(FINDINGS_FILE) }, 'findings').map((value) => ({
      bug: text(value, 'bug'),
      foundBy: text(value, 'foundBy'),
      fix: text(value, 'fix'),
      guard: text(value, 'guard'),
    })),
  };
}

export function parseRun(value: unknown): Run {
  return {
    startedAt: text(value, 'startedAt'),
    commit: text(value, 'commit'),
    machine: text(value, 'machine'),
    records: list(value, 'records').map(parseRecord),
  };
}

function parseCanary(value: unknown): Canary {
  const outcome = text(value, 'outcome');
  if (outcome === 'not-applicable')
    return { bug: text(value, 'bug'), outcome, caughtBy: '', effort: text(value, 'reason') };
  const effort = field(value, 'effort');
  return {
    bug: text(value, 'bug'),
    outcome,
    caughtBy: text(value, 'caughtBy'),
    effort: `${number(effort, 'used')} of ${number(effort, 'budget')} ${text(effort, 'unit')}`,
  };
}

function read(file: string): unknown {
  if (!existsSync(file)) return file === CANARIES_FILE ? { rows: [] } : [];
  return JSON.parse(readFileSync(file, 'utf8'));
}
