import { type Row, spread } from '../measure/sample.ts';
import { consuming, enqueueing, type QueueFacts, sweepOf } from '../queues/run-queues.ts';
import type { Report } from './report.ts';
import type { Target } from './targets.ts';

/** Rows of cells, as text in columns or as Markdown. */
export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The report as tables: one for the targets, one for each scenario. */
export function tablesOf({ rows, targets, queues }: Pick<Report, 'rows' | 'targets' | 'queues'>): Table[] {
  const scenarios = [...new Set(rows.map((row) => row.scenario))];
  return [
    targetTable(targets),
    ...(queues === undefined ? [] : [contestantTable(queues)]),
    ...scenarios.map((scenario) => ({
      title: scenario,
      head: ['contestant', '', 'messages', 'median', 'min – max', 'unit', 'runs', 'device', 'server'],
      rows: rows.filter((row) => row.scenario === scenario).map(cells),
    })),
  ];
}

/** What was promised, and what was found. */
export function targetTable(targets: readonly Target[]): Table {
  return {
    title: 'Targets',
    head: ['target', 'found', ''],
    rows: targets.map(({ promise, found, reached }) => [promise, found, reached ? 'reached' : 'NOT REACHED']),
  };
}

/** Who took part, and who could not. */
export function contestantTable({ contestants, absent }: QueueFacts): Table {
  return {
    title: 'Contestants',
    head: ['contestant', 'server', 'used with'],
    rows: [
      ...contestants.map(({ name, description, how }) => [name, description, how]),
      ...absent.map(({ name, why }) => [name, 'NOT MEASURED', why]),
    ],
  };
}

/** Every row's median, for a page that has no room for more. */
export function headlineTable(rows: readonly Row[]): Table {
  return {
    title: 'Medians',
    head: ['scenario', 'contestant', 'messages', 'median'],
    rows: rows
      .filter(({ scenario, unit }) => scenario !== 'drain' || unit === 'ms')
      .filter(({ scenario }) => scenario !== sweepOf(enqueueing) && scenario !== sweepOf(consuming))
      .map((row) => [
        [row.scenario, variantOf(row)].filter((text) => text !== '').join(', '),
        row.contestant,
        row.messages.toLocaleString('en'),
        `${figure(spread(row.values).median)} ${row.unit}`,
      ]),
  };
}

function variantOf({ variant, note }: Row): string {
  return note === undefined ? variant : `${variant} (${note})`;
}

function cells(row: Row): string[] {
  const { median, min, max } = spread(row.values);
  return [
    row.contestant,
    variantOf(row),
    row.messages.toLocaleString('en'),
    figure(median),
    row.values.length === 1 ? '' : `${figure(min)} – ${figure(max)}`,
    row.unit,
    String(row.values.length),
    row.device,
    row.server,
  ];
}

/** Three digits that mean something, no more. */
export function figure(value: number): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** A table in aligned columns, for a terminal. */
export function asText({ title, head, rows }: Table): string {
  const widths = head.map((cell, column) =>
    Math.max(cell.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [`── ${title}`, line(head), ...rows.map(line)].join('\n');
}

/** A table in Markdown. */
export function asMarkdown({ title, head, rows }: Table, heading = '##'): string {
  const line = (row: readonly string[]): string => `| ${row.join(' | ')} |`;
  return [`${heading} ${title}`, '', line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
