import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRng, type Rng } from '@fieldpost/protocol';
import { describe, expect, test } from 'vitest';
import { recordRun } from '../reliability/record-run.ts';

/** Something that takes input from outside. */
export interface FuzzTarget {
  readonly name: string;
  /** Draws an input: a text, so that it can be kept. */
  readonly draw: (rng: Rng) => string;
  /** Feeds it. Throws when anything but an answer or a clear refusal came of it. */
  readonly feed: (input: string) => Promise<void> | void;
  /** Called now and then: what was there before is still there, and memory is back where it was. */
  readonly lookAround?: () => Promise<void> | void;
  /** How often each of the ends that matter was come to: one that never was fails a run. */
  readonly reached?: Readonly<Record<string, number>>;
}

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 2500);
const SEED = process.env['FUZZ_SEED'] ?? process.env['CHAOS_SEED'] ?? '1';
const CORPUS = join(import.meta.dirname, 'corpus');
const LOOK_AROUND_EVERY = 1000;
/** Processor time of one input: far more than the largest legal one takes. */
const SLOW_MS = 2000;

/**
 * Feeds what was found once, then what chance makes up. An input that fails is kept in the corpus, and fed by every run from
 * then on. `FUZZ_RUNS=1000000 FUZZ_SEED=… vitest run --project unit test/fuzz` goes deeper.
 */
export function fuzz(start: () => Promise<FuzzTarget> | FuzzTarget, name: string): void {
  describe(name, () => {
    test('what was found once', async () => {
      const target = await start();
      for (const input of keptInputs(name)) await target.feed(input);
      await target.lookAround?.();
    });

    test(`${RUNS} made by chance, seed ${SEED}`, { timeout: 60_000 + RUNS * 20 }, async () => {
      const target = await start();
      const rng = createRng(`${name}/${SEED}`);
      const from = performance.now();
      let executions = 0;
      let problem: Error | undefined;
      while (executions < RUNS && problem === undefined) {
        const input = target.draw(rng);
        executions += 1;
        problem = await problemOf(target, input);
        if (problem === undefined && executions % LOOK_AROUND_EVERY === 0) await target.lookAround?.();
      }
      const seconds = (performance.now() - from) / 1000;
      recordRun({
        type: 'fuzz',
        target: name,
        executions,
        failures: problem === undefined ? 0 : 1,
        seed: SEED,
        seconds: Math.round(seconds),
      });
      if (problem !== undefined) throw problem;
      await target.lookAround?.();
      if (RUNS < ENOUGH_FOR_ALL) return;
      for (const [end, times] of Object.entries(target.reached ?? {}))
        expect(times, `inputs that came to: ${end}`).toBeGreaterThan(0);
    });
  });
}

/** So many inputs come to every end there is. */
const ENOUGH_FOR_ALL = 2000;

async function problemOf(target: FuzzTarget, input: string): Promise<Error | undefined> {
  const before = process.threadCpuUsage();
  try {
    await target.feed(input);
  } catch (cause) {
    return new Error(`${target.name}: kept as ${keep(target.name, input)}: ${input.slice(0, 2000)}`, {
      cause,
    });
  }
  const { user, system } = process.threadCpuUsage(before);
  if (user + system < SLOW_MS * 1000) return undefined;
  return new Error(`${target.name}: ${(user + system) / 1000} ms; kept as ${keep(target.name, input)}`);
}

function keptInputs(name: string): readonly string[] {
  const folder = join(CORPUS, folderOf(name));
  return existsSync(folder)
    ? readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'))
    : [];
}

function keep(name: string, input: string): string {
  const folder = join(CORPUS, folderOf(name));
  mkdirSync(folder, { recursive: true });
  const file = `${createHash('sha256').update(input).digest('hex').slice(0, 16)}.txt`;
  writeFileSync(join(folder, file), input);
  return join('test/fuzz/corpus', folderOf(name), file);
}

function folderOf(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
}
