import type { Surroundings } from '../prepare/surroundings.ts';
import type { Report } from './report.ts';
import { asMarkdown, tablesOf } from './table.ts';

/** The machine in one line. */
export function machineLine(machine: Surroundings): string {
  const flushes = machine.flushesPerSecond.toLocaleString('en');
  return (
    `${machine.processor}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.kernel}, ` +
    `${machine.fileSystem}, ${flushes} flushed appends of 4 KiB per second, load ${machine.loadBefore} before`
  );
}

/** The report as a page that the documentation can point to. */
export function reportMarkdown(report: Report): string {
  const { surroundings: machine } = report;
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`);
  return [
    report.queues === undefined ? '# Benchmark results' : '# Benchmark results of queues',
    '',
    `\`${report.command}\`, ${report.startedAt}, ${Math.round(report.seconds)} s. Written by the command; not edited.`,
    '',
    `- Machine: ${machineLine(machine)}. ${report.queues === undefined ? 'Device and server share it' : 'Producers, consumers and server share it'}.`,
    `- Versions: ${versions.join(', ')}.`,
    ...(report.queues === undefined ? scenarioNotes(report) : queueNotes(report)),
    '',
    ...tablesOf(report).flatMap((table) => [asMarkdown(table), '']),
  ].join('\n');
}

function scenarioNotes(report: Report): string[] {
  return [
    `- Orders of ${report.orderBytes.toFixed(0)} bytes of JSON on average, seed ${report.seed}. Medians with least and ` +
      'greatest; contestants take turns; every drain was checked: each order once at the server, none left on the device.',
    '- *device* says how the browser commits: `strict` is flushed to disk when the save resolves, `relaxed` is not. ' +
      '*server* `FULL` is SQLite with a flushed commit before each answer.',
  ];
}

function queueNotes(report: Report): string[] {
  return [
    `- Orders of ${report.orderBytes.toFixed(0)} bytes of JSON on average, seed ${report.seed}. Medians with least and ` +
      'greatest; contestants take turns, on a fresh server each time; after each measurement every message had been handled ' +
      'and none was left.',
    '- *server* `flushed` is a log flushed to disk before each answer; `flushed every second` loses up to a second of what ' +
      'was answered to a power cut.',
  ];
}
