import { parseArgs } from 'node:util';
import { UsageError } from '../support/arguments-or-explain.ts';
import { ALL_FAULTS } from './faults/all-faults.ts';
import { faultNamed } from './faults/fault-plan.ts';
import type { Asked } from './swarm.ts';

export interface SimulateArguments {
  readonly seed: number;
  /** Seeds from `seed` on. */
  readonly seeds: number;
  readonly asked: Asked;
  /** How often each seed is run. */
  readonly runs: number;
  readonly workers: number | undefined;
  readonly showsTrace: boolean;
  readonly showsCells: boolean;
}

export const USAGE = `npm run simulate -- [options]

Runs whole worlds of devices, gateways and consumers in simulated time, everything decided by a seed, and judges them.

  --seed N        the first seed (default: 1)
  --seeds COUNT   how many, one after the other (default: 1)
  --ticks N       seconds of simulated time with faults (default: the seed draws them)
  --faults KINDS  "all", "none", or kinds with commas between them; "-KIND" for all but that (default: the seed draws)
  --once          run each seed once; else twice, and compare the traces
  --workers N     threads (default: one for each core)
  --cells         list every state × event cell of the machines that was not reached
  --trace         print everything that happened, of one seed
  --help

Kinds of fault:
${ALL_FAULTS.map(({ name, about }) => `  ${name.padEnd(34)} ${about}`).join('\n')}`;

/** @throws UsageError for unknown or impossible arguments; undefined when help was asked for */
export function readArguments(words: readonly string[]): SimulateArguments | undefined {
  const values = parse(words);
  if (values.help) return undefined;
  const ticks = values.ticks === undefined ? undefined : whole('ticks', values.ticks, 1);
  const faults = values.faults === undefined ? undefined : readKinds(values.faults);
  return {
    seed: whole('seed', values.seed ?? '1', 0),
    seeds: whole('seeds', values.seeds ?? '1', 1),
    asked: { ticks, faults },
    runs: values.once ? 1 : 2,
    workers: values.workers === undefined ? undefined : whole('workers', values.workers, 1),
    showsTrace: values.trace,
    showsCells: values.cells,
  };
}

/** The command that runs one of these seeds again, and nothing else. */
export function replayCommand(seed: string, { ticks, faults }: Asked): string {
  const words = ['npm run simulate --', `--seed ${seed}`];
  if (ticks !== undefined) words.push(`--ticks ${ticks}`);
  if (faults !== undefined) words.push(`--faults ${faults.length === 0 ? 'none' : faults.join(',')}`);
  return words.join(' ');
}

function parse(words: readonly string[]): ReturnType<typeof parseStrictly> {
  try {
    return parseStrictly(words);
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

function parseStrictly(words: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args: [...words],
    options: {
      seed: text,
      seeds: text,
      ticks: text,
      faults: text,
      workers: text,
      once: flag,
      cells: flag,
      trace: flag,
      help: flag,
    },
  });
  return values;
}

function readKinds(text: string): string[] {
  const all = ALL_FAULTS.map(({ name }) => name);
  if (text === 'none') return [];
  const words = text.split(',').filter((word) => word !== '');
  const wanted = words.filter((word) => !word.startsWith('-') && word !== 'all');
  const unwanted = new Set(words.filter((word) => word.startsWith('-')).map((word) => word.slice(1)));
  try {
    return (wanted.length > 0 ? wanted : all)
      .filter((name) => !unwanted.has(name))
      .map((name) => faultNamed(name).name);
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(`--faults: ${error.message}`, { cause: error });
    throw error;
  }
}

function whole(option: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new UsageError(`--${option} ${text}: a whole number from ${least} on`);
}
