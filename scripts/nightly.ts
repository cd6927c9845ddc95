import { spawn, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  createWriteStream,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism } from 'node:os';
import { delimiter, join } from 'node:path';
import { parseArgs } from 'node:util';
import { type NightlyStep, nightlySteps } from './nightly-steps.ts';
import { readSimulation } from './read-simulation.ts';

// npm run test:nightly                     everything, an hour or two on two cores
// npm run test:nightly -- --resume         goes on behind the last step that succeeded
// npm run test:nightly -- --only fleet     one step, or several
//
// What each step said and the records of all of them stay in .reports/nightly; `npm run reliability-report -- --add
// .reports/nightly` publishes them.

interface Outcome {
  readonly name: string;
  readonly isGood: boolean;
  readonly seconds: number;
}

interface NightlyRun {
  readonly startedAt: string;
  readonly commit: string;
  readonly machine: string;
  readonly seed: string;
  readonly outcomes: readonly Outcome[];
}

const repository = join(import.meta.dirname, '..');
const folder = join(repository, '.reports/nightly');
const runFile = join(folder, 'run.json');
const { values } = parseArgs({
  options: { resume: { type: 'boolean', default: false }, only: { type: 'string', multiple: true } },
});

const unknown = values.only?.filter((name) => nightlySteps.every((step) => step.name !== name)) ?? [];
if (unknown.length > 0) {
  console.error(
    `No step is called ${unknown.join(', ')}. Steps: ${nightlySteps.map(({ name }) => name).join(', ')}`,
  );
  process.exit(2);
}

let run = values.resume ? readRun() : newRun();
const steps = nightlySteps.filter(({ name }) => values.only?.includes(name) ?? !isDone(name));
for (const step of steps) {
  console.log(`\n=== ${step.name}: ${step.command}`);
  const outcome = await execute(step);
  run = { ...run, outcomes: [...run.outcomes.filter(({ name }) => name !== step.name), outcome] };
  writeFileSync(runFile, `${JSON.stringify(run, undefined, 2)}\n`);
}
close();

function isDone(name: string): boolean {
  return run.outcomes.some((outcome) => outcome.name === name && outcome.isGood);
}

function newRun(): NightlyRun {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const startedAt = new Date().toISOString();
  const commit = spawnSync('git', ['rev-parse', 'HEAD'], { cwd: repository, encoding: 'utf8' }).stdout.trim();
  const machine = `${availableParallelism()} cores, ${process.platform} ${process.arch}, Node ${process.versions.node}`;
  const made = { startedAt, commit, machine, seed: startedAt.slice(0, 16), outcomes: [] };
  writeFileSync(runFile, `${JSON.stringify(made, undefined, 2)}\n`);
  return made;
}

function readRun(): NightlyRun {
  if (!existsSync(runFile)) return newRun();
  // Written by this script, into a folder of its own.
  return JSON.parse(readFileSync(runFile, 'utf8')) as NightlyRun;
}

async function execute(step: NightlyStep): Promise<Outcome> {
  const from = performance.now();
  const log = createWriteStream(join(folder, `${step.name}.log`));
  const child = spawn(step.command, {
    cwd: repository,
    shell: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: step.minutesMax * 60_000,
    killSignal: 'SIGKILL',
    env: {
      ...step.environment,
      // What is set outside counts: a shorter night, a seed to repeat.
      ...process.env,
      PATH: [join(repository, 'node_modules/.bin'), process.env['PATH']].join(delimiter),
      DO_NOT_TRACK: '1',
      // A share of everything is not published again beside the whole of it.
      ...(step.name === 'test'
        ? {}
        : { CHAOS_RESULTS: folder, CHAOS_SEED: process.env['CHAOS_SEED'] ?? run.seed }),
    },
  });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  for (const stream of [child.stdout, child.stderr]) {
    stream.pipe(log, { end: false });
    stream.pipe(process.stdout, { end: false });
  }
  const isGood = await new Promise<boolean>((resolve) => {
    child.once('error', () => resolve(false));
    child.once('close', (code) => resolve(code === 0));
  });
  log.end();
  const seconds = Math.round((performance.now() - from) / 1000);
  if (step.name === 'simulate') record(readSimulation(said, seconds));
  // The decoder's package knows nothing of records. Three of its tests feed so many inputs each, to every decoder.
  if (step.name === 'fuzz-frames') {
    const executions = 3 * Number(process.env['FUZZ_RUNS'] ?? step.environment?.['FUZZ_RUNS']);
    const failures = isGood ? 0 : 1;
    record({ type: 'fuzz', target: 'frame decoder', executions, failures, seed: 'its own', seconds });
  }
  return { name: step.name, isGood, seconds };
}

function record(figures: object | undefined): void {
  if (figures !== undefined) appendFileSync(join(folder, 'records.jsonl'), `${JSON.stringify(figures)}\n`);
}

function close(): void {
  console.log('\n=== the night');
  const width = Math.max(...run.outcomes.map(({ name }) => name.length));
  for (const { name, isGood, seconds } of run.outcomes)
    console.log(
      `${isGood ? 'ok    ' : 'FAILED'}  ${name.padEnd(width)}  ${(seconds / 60).toFixed(1).padStart(6)} min`,
    );
  const failed = run.outcomes.filter(({ isGood }) => !isGood).length;
  console.log(
    `\n${run.outcomes.length - failed} steps passed, ${failed} failed; seed ${run.seed}, commit ${run.commit.slice(0, 10)}`,
  );
  process.exitCode = failed === 0 ? 0 : 1;
}
