import type { DayResult } from './day.ts';

export interface Report extends DayResult {
  readonly seconds: number;
}

/** The last line of `--json`. */
export function jsonOf(report: Report): string {
  const { orders, lost, duplicated, outOfOrder, redelivered, faults, seconds } = report;
  return JSON.stringify({
    orders,
    lost,
    duplicated,
    outOfOrder,
    redelivered,
    faults,
    seconds,
    bytesPerOrder: bytesPerOrder(report),
  });
}

/** What a person reads at the end. */
export function tableOf(report: Report): string {
  const rows: (readonly [string, string | number])[] = [
    ['orders', report.orders],
    ['lost', report.lost],
    ['duplicated', report.duplicated],
    ['out of order', report.outOfOrder],
    ['redelivered', report.redelivered],
    ...Object.entries(report.faults).map(([kind, count]) => [`fault: ${kind}`, count] as const),
    ['seconds', report.seconds],
    ['bytes per order', bytesPerOrder(report)],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, value]) => `  ${name.padEnd(width)}  ${String(value).padStart(8)}`);
  return ['', ...lines, '', ...listed(report.wrong), verdict(report)].join('\n');
}

const linesMax = 20;

function listed(lines: readonly string[]): string[] {
  if (lines.length === 0) return [];
  const more = lines.length > linesMax ? [`  … and ${lines.length - linesMax} more`] : [];
  return ['wrong:', ...lines.slice(0, linesMax).map((line) => `  ${line}`), ...more, ''];
}

function verdict({ orders, wrong }: Report): string {
  return wrong.length === 0
    ? `All ${orders} orders are in the books, once, in order, to the last 1/10,000.`
    : `FAILED: ${wrong.length} findings.`;
}

function bytesPerOrder({ bytes, orders }: Report): number {
  return Math.round(bytes / orders);
}
