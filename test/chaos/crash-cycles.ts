import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { createRng, type Rng } from '@fieldpost/protocol';
import { type DiskFaults, type PowerLoss, PowerLossDisk } from '../support/power-loss/power-loss-disk.ts';
import type { WriterOrder, WriterReport } from './sqlite-writer/writer-messages.ts';
import { StoreLedger } from './store-ledger.ts';

export interface CycleOptions {
  readonly cycles: number;
  readonly seed: string;
  /** How each cycle ends; one of them by chance. */
  readonly ends: readonly ('kill' | PowerLoss)[];
  readonly sabotage?: WriterOrder['sabotage'];
  /** Stops when the checker has found something. */
  readonly untilFound?: boolean;
}

export interface CycleResult {
  readonly ledger: StoreLedger;
  readonly cycles: number;
  readonly cyclesPerMinute: number;
  readonly ends: Readonly<Record<'kill' | PowerLoss, number>>;
}

const EPOCHS = 4;
/** Short, so that every cycle sees the log carried over some times. */
const LOG_BYTES_MAX = 128 * 1024;
const REPORTS_MAX = 160;

/**
 * Opens a store in a process, loads it, kills the process at a moment of chance, cuts the power or not, and looks at
 * what the next process finds; again and again on the same files.
 */
export async function runCrashCycles(options: CycleOptions): Promise<CycleResult> {
  const rng = createRng(options.seed);
  const disk = new PowerLossDisk();
  const ledger = new StoreLedger();
  const ends = { kill: 0, drop: 0, torn: 0 };
  const startedAt = performance.now();
  let cycles = 0;
  // The next process starts while one works: most of a cycle is Node starting.
  let next = startWriter(disk);
  try {
    while (cycles < options.cycles && !(options.untilFound === true && ledger.problems.length > 0)) {
      const writer = next;
      next = startWriter(disk);
      await runUntilKilled(writer, ledger, orderFor(disk, options, cycles), rng);
      const end = rng.pick(options.ends);
      ends[end] += 1;
      if (end !== 'kill') disk.cutPower(end, rng);
      cycles += 1;
    }
    const cyclesPerMinute = Math.round((cycles * 60_000) / (performance.now() - startedAt));
    // What the last cycle left is looked at as well.
    await runUntilKilled(next, ledger, orderFor(disk, options, cycles), rng, 1);
    return { ledger, cycles, cyclesPerMinute, ends };
  } finally {
    await next.kill();
    disk.dispose();
  }
}

function orderFor(disk: PowerLossDisk, options: CycleOptions, cycle: number): WriterOrder {
  return {
    file: join(disk.folder, 'gateway.db'),
    seed: `${options.seed}/${cycle}`,
    epochs: EPOCHS,
    logBytesMax: LOG_BYTES_MAX,
    ...(options.sabotage === undefined ? {} : { sabotage: options.sabotage }),
  };
}

/** Lets the writer work until it has made a random number of reports after its state, then kills it. */
async function runUntilKilled(
  writer: Writer,
  ledger: StoreLedger,
  order: WriterOrder,
  rng: Rng,
  reports = 1 + rng.below(REPORTS_MAX),
): Promise<void> {
  writer.start(order);
  let left = reports;
  for await (const report of writer.reports()) {
    ledger.note(report);
    if (report.type === 'failed') {
      ledger.problems.push(`the store does not open: ${report.code} ${report.message}`);
      break;
    }
    if (report.type !== 'ready' && --left === 0) break;
  }
  // Kill first, then read on: what was acknowledged until the kill counts.
  for (const report of await writer.kill()) ledger.note(report);
}

/** A process that writes, as sqlite-writer/main.ts says. */
export class Writer {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;
  readonly #exited: Promise<unknown>;

  constructor(environment: NodeJS.ProcessEnv) {
    this.#process = spawn(
      process.execPath,
      ['--conditions=@fieldpost/source', join(import.meta.dirname, 'sqlite-writer/main.ts')],
      {
        env: environment,
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    );
    this.#exited = once(this.#process, 'exit');
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  start(order: WriterOrder): void {
    this.#process.stdin.write(`${JSON.stringify(order)}\n`);
  }

  /** What it says, as long as somebody asks. */
  async *reports(): AsyncGenerator<WriterReport> {
    for (;;) {
      const { done, value } = await this.#lines.next();
      if (done === true) return;
      yield JSON.parse(value);
    }
  }

  /** Kills it and returns what it said until then. */
  async kill(): Promise<readonly WriterReport[]> {
    this.#process.kill('SIGKILL');
    const said: WriterReport[] = [];
    for await (const report of this.reports()) said.push(report);
    await this.#exited;
    return said;
  }
}

export function startWriter(disk: PowerLossDisk, faults: DiskFaults = {}): Writer {
  return new Writer(disk.environment(faults));
}
