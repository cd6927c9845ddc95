import { replayCommand, type SimulateArguments } from './arguments.ts';
import { cellsOf, MACHINES } from './coverage/machines.ts';
import type { WorkerAnswer } from './seed-pool.ts';
import type { SeedReport } from './simulate-seed.ts';
import { type Asked, describeSwarm } from './swarm.ts';

/** A world that went wrong may have hundreds of things wrong; the first tell most. */
const FINDINGS_SHOWN = 12;

/** What all seeds together came to. */
export class Tally {
  #seeds = 0;
  #failed = 0;
  #messages = 0;
  #steps = 0;
  #simulatedMs = 0;
  readonly #faults = new Map<string, number>();
  readonly #cells = new Map<string, number>();

  add({ report, cells }: WorkerAnswer): void {
    this.#seeds++;
    if (report.findings.length > 0) this.#failed++;
    this.#messages += report.messages;
    this.#steps += report.steps;
    this.#simulatedMs += report.simulatedMs;
    for (const [kind, count] of Object.entries(report.faults)) addTo(this.#faults, kind, count);
    for (const [cell, count] of Object.entries(cells)) addTo(this.#cells, cell, count);
  }

  get failed(): number {
    return this.#failed;
  }

  /** By kind: how often each fault has happened. */
  get faults(): ReadonlyMap<string, number> {
    return this.#faults;
  }

  describe({ showsCells }: Pick<SimulateArguments, 'showsCells'>): string[] {
    const faults = [...this.#faults.values()].reduce((sum, count) => sum + count, 0);
    return [
      `${this.#seeds} seeds, ${this.#failed} failed: ${this.#messages} messages, ${faults} faults, ` +
        `${Math.round(this.#simulatedMs / 60_000)} simulated minutes, ${this.#steps} steps`,
      ...[...this.#faults]
        .toSorted(([one], [other]) => (one < other ? -1 : 1))
        .map(([kind, count]) => `  ${kind.padEnd(34)} ${String(count).padStart(8)}`),
      ...MACHINES.flatMap((machine) => {
        const all = cellsOf(machine);
        const never = all.filter((cell) => !this.#cells.has(`${machine.name}: ${cell}`));
        const line = `${machine.name}: ${all.length - never.length} of ${all.length} state × event cells reached`;
        return showsCells ? [line, ...never.map((cell) => `  never: ${cell}`)] : [line];
      }),
    ];
  }
}

/** A seed by itself: what it drew, what happened, what is wrong, and how to see it again. */
export function describeSeed(report: SeedReport, asked: Asked): string[] {
  const faults = Object.entries(report.faults).map(([kind, count]) => `${kind} ${count}`);
  return [
    `seed ${report.seed}: trace ${report.traceHash}, ${report.messages} messages, ${report.steps} steps, ` +
      `${Math.round(report.simulatedMs / 1000)} simulated seconds`,
    ...describeSwarm(report.swarm).map((line) => `  ${line}`),
    `  happened ${faults.join(', ') || 'nothing'}`,
    ...describeFindings(report, asked),
  ];
}

/** Only what is wrong with a seed; nothing when all is well. */
export function describeFindings(report: SeedReport, asked: Asked): string[] {
  if (report.findings.length === 0) return [];
  const shown = report.findings.slice(0, FINDINGS_SHOWN);
  const more = report.findings.length - shown.length;
  return [
    `FAILED seed ${report.seed}`,
    ...shown.map(({ checker, detail }) => `  ${checker}: ${detail}`),
    ...(more > 0 ? [`  and ${more} more`] : []),
    `  replay: ${replayCommand(report.seed, asked)}`,
  ];
}

function addTo(counts: Map<string, number>, key: string, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
}
