import { FAULTS, type FaultName, type Part } from './fault-catalogue.ts';
import type { Canary, Finding, Published, Run } from './history.ts';
import { INTRODUCTION, NOT_COVERED } from './page-texts.ts';
import type { CycleRecord, FuzzRecord, RunRecord, SimulationRecord, SoakRecord } from './run-record.ts';

/** The guide on reliability: the same data gives the same page. */
export function reliabilityPage({ runs, canaries, findings }: Published): string {
  return [
    INTRODUCTION,
    ...faultSection(runs),
    ...simulationSection(ofType(runs, 'simulation')),
    ...fuzzSection(ofType(runs, 'fuzz')),
    ...soakSection(ofType(runs, 'soak')),
    ...canarySection(canaries),
    ...findingSection(findings),
    NOT_COVERED,
    ...runSection(runs),
  ].join('\n');
}

/** Where the programme stands with one fault, over all runs. */
export interface Standing {
  readonly cycles: number;
  readonly failures: number;
  /** Cycles since the last run in which one failed. */
  readonly cleanCycles: number;
}

/** Sums up the runs of a fault. What failed and was fixed since counts as a failure for ever, and ends the clean ones. */
export function standingOf(records: readonly CycleRecord[]): Standing {
  let cycles = 0;
  let failures = 0;
  let cleanCycles = 0;
  for (const record of records) {
    cycles += record.cycles;
    failures += record.failures;
    cleanCycles = record.failures === 0 ? cleanCycles + record.cycles : 0;
  }
  return { cycles, failures, cleanCycles };
}

/** Below this, the bound would be no more than a word. */
const ENOUGH_CYCLES = 30;

/** The highest rate of failures that so many clean cycles in a row leave likely (95 %), as a text. */
export function boundOf(cleanCycles: number): string {
  if (cleanCycles === 0) return '–';
  if (cleanCycles < ENOUGH_CYCLES) return 'too few to say';
  return `1 in ${grouped(Math.floor(cleanCycles / 3))}`;
}

function faultSection(runs: readonly Run[]): string[] {
  const records = ofType(runs, 'cycles');
  const names = Object.keys(FAULTS) as FaultName[];
  const parts: readonly Part[] = [...new Set(names.map((name) => FAULTS[name].part))];
  const tables = parts.flatMap((part) => [
    `### ${part[0]?.toUpperCase() ?? ''}${part.slice(1)}`,
    '',
    '| fault | how | cycles | failed | clean since | so fewer than |',
    '|---|---|---:|---:|---:|---|',
    ...names.filter((name) => FAULTS[name].part === part).map((name) => faultRow(name, records)),
    '',
  ]);
  const total = standingOf(records);
  const summary = `**${grouped(total.cycles)} cycles** on real parts so far; ${grouped(total.failures)} failed, and each of these is told of below.`;
  return ['## Real faults on real parts', '', summary, '', ...tables];
}

function faultRow(name: FaultName, records: readonly CycleRecord[]): string {
  const { title, means, test } = FAULTS[name];
  const { cycles, failures, cleanCycles } = standingOf(records.filter(({ fault }) => fault === name));
  const cells = [
    `[${title}](../../${test})`,
    means,
    cycles === 0 ? 'not run yet' : grouped(cycles),
    grouped(failures),
    grouped(cleanCycles),
    boundOf(cleanCycles),
  ];
  return `| ${cells.join(' | ')} |`;
}

function simulationSection(records: readonly SimulationRecord[]): string[] {
  const last = records.at(-1);
  if (last === undefined) return ['## Simulated worlds', '', 'No run is published yet.', ''];
  const seeds = sum(records, ({ seeds: count }) => count);
  const failures = sum(records, ({ failures: count }) => count);
  return [
    '## Simulated worlds',
    '',
    `The real cores of SDK and gateway in simulated time, everything drawn from a seed: **${grouped(seeds)} seeds** with ` +
      `${grouped(sum(records, ({ messages }) => messages))} messages and ${grouped(sum(records, ({ faults }) => faults))} faults that really ` +
      `happened; ${grouped(failures)} seeds failed. \`npm run simulate -- --seed N\` replays one.`,
    '',
    'States and events met in the last run:',
    '',
    ...last.coverage.map((line) => `- ${line}`),
    '',
  ];
}

function fuzzSection(records: readonly FuzzRecord[]): string[] {
  const targets = [...new Set(records.map(({ target }) => target))].toSorted();
  if (targets.length === 0) return ['## Bad input', '', 'No run is published yet.', ''];
  const rows = targets.map((target) => {
    const own = records.filter((record) => record.target === target);
    const executions = sum(own, (record) => record.executions);
    const seconds = sum(own, (record) => record.seconds);
    const failures = sum(own, (record) => record.failures);
    return `| ${target} | ${grouped(executions)} | ${grouped(Math.round(executions / Math.max(1, seconds)))} | ${failures} |`;
  });
  return [
    '## Bad input',
    '',
    'Made by chance and by turning valid input into something near it. Each ends in an answer or a clear error with a code, within a bound of time, and nothing that was accepted before changes. What was found to be wrong stays in a corpus that every `npm test` replays.',
    '',
    '| what is fed | inputs | a second | found wrong |',
    '|---|---:|---:|---:|',
    ...rows,
    '',
  ];
}

function soakSection(records: readonly SoakRecord[]): string[] {
  if (records.length === 0) return ['## Soak', '', 'No run is published yet.', ''];
  return [
    '## Soak',
    '',
    'A gateway under load and faults with quiet periods between them; what it holds must end flat. `npm run soak` repeats it and draws charts.',
    '',
    '| minutes | devices | messages | faults | failed | how it ended |',
    '|---:|---:|---:|---:|---:|---|',
    ...records.map(
      ({ minutes, devices, messages, faults, failures, figures }) =>
        `| ${minutes} | ${grouped(devices)} | ${grouped(messages)} | ${grouped(faults)} | ${failures} | ${figures.join('; ')} |`,
    ),
    '',
  ];
}

function canarySection(canaries: readonly Canary[]): string[] {
  const heading = [
    '## Planted bugs',
    '',
    'A check that finds nothing proves nothing until it has found something. So each of these bugs is planted into a copy of the source, and the programme has to notice.',
    '',
  ];
  if (canaries.length === 0) return [...heading, 'No run is published yet.', ''];
  return [
    ...heading,
    '| bug | | noticed by | after |',
    '|---|---|---|---|',
    ...canaries.map(
      ({ bug, outcome, caughtBy, effort }) =>
        `| ${cell(bug)} | ${outcome} | ${cell(caughtBy)} | ${cell(effort)} |`,
    ),
    '',
  ];
}

function findingSection(findings: readonly Finding[]): string[] {
  return [
    '## What it found',
    '',
    '| what was wrong | found by | what was done | fails without it |',
    '|---|---|---|---|',
    ...findings.map(
      ({ bug, foundBy, fix, guard }) =>
        `| ${cell(bug)} | ${cell(foundBy)} | ${fix === '' ? '**open**' : cell(fix)} | ${guard === '' ? '' : `\`${cell(guard)}\``} |`,
    ),
    '',
  ];
}

function runSection(runs: readonly Run[]): string[] {
  return [
    '## The runs',
    '',
    'Figures are of real runs only; each entry of [runs.json](../reliability/runs.json) has the seeds that replay it.',
    '',
    '| when (UTC) | commit | machine | cycles | inputs | worlds |',
    '|---|---|---|---:|---:|---:|',
    ...runs.map((run) => {
      const of = [run];
      const cells = [
        run.startedAt.slice(0, 16).replace('T', ' '),
        `\`${run.commit.slice(0, 10)}\``,
        run.machine,
        grouped(sum(ofType(of, 'cycles'), ({ cycles }) => cycles)),
        grouped(sum(ofType(of, 'fuzz'), ({ executions }) => executions)),
        grouped(sum(ofType(of, 'simulation'), ({ seeds }) => seeds)),
      ];
      return `| ${cells.join(' | ')} |`;
    }),
    '',
  ];
}

function ofType<Type extends RunRecord['type']>(
  runs: readonly Run[],
  type: Type,
): Extract<RunRecord, { readonly type: Type }>[] {
  return runs.flatMap(({ records }) =>
    records.filter((record): record is Extract<RunRecord, { readonly type: Type }> => record.type === type),
  );
}

function sum<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

function grouped(count: number): string {
  return String(count).replaceAll(/\B(?=(?:\d{3})+$)/g, ',');
}

function cell(words: string): string {
  return words.replaceAll('|', String.raw`\|`).replaceAll(/\s+/g, ' ');
}
