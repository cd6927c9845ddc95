import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { ModulePatch } from './patches/module-patch.ts';
import type { SeedReport, SimulationOptions } from './simulate-seed.ts';

export interface PoolOptions {
  /** Planted bugs. */
  readonly patches?: readonly ModulePatch[];
  /** Threads. Default: one for each core. */
  readonly workers?: number;
  readonly simulation?: SimulationOptions;
  /** How often each seed is run, to compare the traces. Default 2. */
  readonly runs?: number;
  /** Whether to go on behind a seed; asked in the order of the seeds. Default: always. */
  readonly goesOn?: (report: SeedReport) => boolean;
}

export interface WorkerSetup {
  readonly patches: readonly ModulePatch[];
}

export interface SeedTask {
  readonly seed: string;
  readonly options: SimulationOptions;
  readonly runs: number;
}

export interface WorkerAnswer {
  readonly report: SeedReport;
  /** By machine and cell: how often a step was there. */
  readonly cells: Readonly<Record<string, number>>;
}

/** A seed whose thread ended is one that fails. */
const THREAD_EXEC_ARGV = ['--conditions=@fieldpost/source'];

/** Runs seeds on all cores; yields in the order of the seeds, whichever is done first. */
export async function* simulateSeeds(
  seeds: Iterable<string | number>,
  options: PoolOptions = {},
): AsyncGenerator<WorkerAnswer> {
  const { workers = availableParallelism(), simulation = {}, runs = 2, patches = [] } = options;
  const threads = Array.from({ length: workers }, () => new SeedThread({ patches }));
  const idle = [...threads];
  const begun: Promise<WorkerAnswer>[] = [];
  const left = seeds[Symbol.iterator]();
  const beginMore = (): void => {
    for (let thread = idle.pop(); thread !== undefined; thread = idle.pop()) {
      const next = left.next();
      if (next.done === true) {
        idle.push(thread);
        return;
      }
      const free = thread;
      const answer = free.run({ seed: String(next.value), options: simulation, runs });
      begun.push(answer);
      answer.then(
        () => {
          idle.push(free);
          if (begun.length < AHEAD_MAX) beginMore();
        },
        () => undefined,
      );
    }
  };
  try {
    beginMore();
    for (let first = begun.shift(); first !== undefined; first = begun.shift()) {
      const answer = await first;
      yield answer;
      if (options.goesOn?.(answer.report) === false) return;
      beginMore();
    }
  } finally {
    await Promise.all(threads.map((thread) => thread.end()));
  }
}

/** Seeds done before their turn to be yielded. */
const AHEAD_MAX = 64;

class SeedThread {
  readonly #worker: Worker;
  #outcome: { resolve(answer: WorkerAnswer): void; reject(error: Error): void } | undefined;
  #seed = '';

  constructor(setup: WorkerSetup) {
    this.#worker = new Worker(new URL('seed-worker.ts', import.meta.url), {
      workerData: setup,
      execArgv: THREAD_EXEC_ARGV,
      // A world leaves nothing behind that is worth keeping: fewer collections find more that is gone.
      resourceLimits: { maxYoungGenerationSizeMb: 64 },
    });
    this.#worker.on('message', (answer: WorkerAnswer) => this.#outcome?.resolve(answer));
    this.#worker.on('error', (error) =>
      this.#outcome?.reject(
        new Error(`seed ${this.#seed} ended its thread: ${String(error)}`, { cause: error }),
      ),
    );
  }

  run(task: SeedTask): Promise<WorkerAnswer> {
    this.#seed = task.seed;
    return new Promise((resolve, reject) => {
      this.#outcome = { resolve, reject };
      this.#worker.postMessage(task);
    });
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}
