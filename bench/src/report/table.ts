import { type Row, spread } from '../measure/sample.ts';
import type { Report } from './report.ts';
import type { Target } from './targets.ts';

/** Rows of cells, as text in columns or as Markdown. */
export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The report as tables: one for the targets, one for each scenario. */
export function tablesOf({ rows, targets }: Pick<Report, 'rows' | 'targets'>): Table[] {
  const scenarios = [...new Set(rows.map((row) => row.scenario))];
  return [
    targetTable(targets),
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

/** Every row's median, for a page that has no room for more. */
export function headlineTable(rows: readonly Row[]): Table {
  return {
    title: 'Medians',
    head: ['scenario', 'contestant', 'messages', 'median'],
    rows: rows
      .filter(({ scenario, unit }) => scenario !== 'drain' || unit === 'ms')
      .map((row) => [
        [row.scenario, row.variant].filter((text) => text !== '').join(', '),
        row.contestant,
        row.messages.toLocaleString('en'),
        `${figure(spread(row.values).median)} ${row.unit}`,
      ]),
  };
}

function cells(row: Row): string[] {
  const { median, min, max } = spread(row.values);
  return [
    row.contestant,
    row.variant,
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
