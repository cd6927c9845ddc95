import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { machineLine } from './markdown.ts';
import type { Report } from './report.ts';
import { asMarkdown, contestantTable, headlineTable, targetTable } from './table.ts';

const guide = join(import.meta.dirname, '../../../docs/guides/performance.md');
const beginScenarios = '<!-- written by npm run bench -->';
const beginQueues = '<!-- written by npm run bench:queues -->';
const end = '<!-- end -->';

/** Above this, something else ran on the machine. */
const loadOfQuiet = 1;
const busyWarning =
  '**The machine was busy with other work.** Rows of this run can be compared with each other, though roughly; for the ' +
  'figures themselves, and for what is missed, run it again on a machine that has nothing else to do.';

/** Writes the run's figures into the guide, between its two marks, so that the page says what the command found. */
export function updateGuide(report: Report): void {
  const text = readFileSync(guide, 'utf8');
  const begin = report.queues === undefined ? beginScenarios : beginQueues;
  const from = text.indexOf(begin);
  const to = text.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`${guide} has lost the marks ${begin} and ${end}`);
  writeFileSync(guide, `${text.slice(0, from + begin.length)}\n${figures(report)}\n${text.slice(to)}`);
}

function figures(report: Report): string {
  const missed = report.targets.filter(({ reached }) => !reached).length;
  const verdict =
    missed === 0 ? 'All targets were reached.' : `${missed} of ${report.targets.length} targets were missed.`;
  return [
    `\`${report.command}\`, ${report.startedAt.slice(0, 10)}, ${machineLine(report.surroundings)}. ${verdict}`,
    ...(report.surroundings.loadBefore > loadOfQuiet ? ['', busyWarning] : []),
    '',
    asMarkdown(targetTable(report.targets), '###'),
    '',
    ...(report.queues === undefined ? [] : [asMarkdown(contestantTable(report.queues), '###'), '']),
    asMarkdown(headlineTable(report.rows), '###'),
  ].join('\n');
}
