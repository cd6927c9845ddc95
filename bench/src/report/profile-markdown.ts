import { isWaiting, type ProfileShare } from '../profile/cpu-profile.ts';
import type { ProfiledWork } from '../profile/run-profile.ts';
import { figure, type Table } from './table.ts';

/** Two tables for each piece of work: phases, and the functions that took most. */
export function profileTables(works: readonly ProfiledWork[]): Table[] {
  return works.flatMap(({ title, summary }) => {
    const busy = summary.phases
      .filter(({ name }) => !isWaiting(name))
      .reduce((sum, { milliseconds }) => sum + milliseconds, 0);
    const rows = (shares: readonly ProfileShare[]): string[][] =>
      shares.map(({ name, milliseconds }) => [
        name,
        `${figure(milliseconds)} ms`,
        isWaiting(name) ? '' : `${((milliseconds * 100) / busy).toFixed(1)} %`,
      ]);
    const head = ['', 'time', 'of the work'];
    return [
      { title: `${title}: phases in ${figure(summary.totalMs)} ms`, head, rows: rows(summary.phases) },
      { title: `${title}: functions`, head, rows: rows(summary.functions) },
    ];
  });
}
