import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { steps, type Step } from './steps.ts';

// Runs the steps one after another, all of them even when one fails, and closes with
// `N passed, N failed` alone on the last line.
//
//   node scripts/test.ts               every step
//   node scripts/test.ts verify        what needs neither browsers nor a running gateway
//   node scripts/test.ts lint unit     the named steps

interface Counts {
  readonly passed: number;
  readonly failed: number;
}

interface Outcome extends Counts {
  readonly name: string;
  readonly seconds: number;
  /** The names of the tests that failed, each with the first line of its message. */
  readonly failures: readonly string[];
}

/** The part of vitest's JSON report that is read here. */
interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
}

const repository = join(import.meta.dirname, '..');
const reports = join(repository, '.reports');
const stepMinutesMax = 30;

const environment = {
  ...process.env,
  PATH: [join(repository, 'node_modules/.bin'), process.env['PATH']].join(delimiter),
  DO_NOT_TRACK: '1',
  TURBO_TELEMETRY_DISABLED: '1',
};

const chosen = choose(process.argv.slice(2));
mkdirSync(reports, { recursive: true });
// Only what this run writes itself: a night's results lie here, too.
rmSync(join(reports, 'closing-line'), { force: true });
for (const { report } of chosen) if (report !== undefined) rmSync(join(repository, report), { force: true });

const outcomes: Outcome[] = [];
for (const step of chosen) outcomes.push(await run(step));
close(outcomes);

function choose(names: readonly string[]): readonly Step[] {
  if (names.length === 0) return steps;
  if (names.length === 1 && names[0] === 'verify') return steps.filter(({ part }) => part === 'verify');
  const known = steps.map(({ name }) => name);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    console.error(`No step is called ${unknown.join(', ')}. Steps: ${known.join(', ')}; or: verify`);
    process.exit(2);
  }
  return steps.filter(({ name }) => names.includes(name));
}

async function run(step: Step): Promise<Outcome> {
  console.log(`\n=== ${step.name}: ${step.command}`);
  const startedAt = performance.now();
  const succeeded = await execute(step);
  const seconds = (performance.now() - startedAt) / 1000;
  return { name: step.name, seconds, ...count(step, succeeded), failures: failuresOf(step) };
}

async function execute(step: Step): Promise<boolean> {
  const child = spawn(step.command, {
    cwd: repository,
    env: environment,
    shell: true,
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: stepMinutesMax * 60_000,
    killSignal: 'SIGKILL',
  });
  return new Promise((resolve) => {
    child.on('error', (error) => {
      console.error(`${step.name} could not start: ${error.message}`);
      resolve(false);
    });
    child.on('exit', (code, signal) => {
      if (signal !== null)
        console.error(`${step.name} was ended by ${signal}; its limit is ${stepMinutesMax} min`);
      resolve(code === 0);
    });
  });
}

function count(step: Step, succeeded: boolean): Counts {
  if (step.report === undefined) return succeeded ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
  const counts = readReport(join(repository, step.report));
  if (counts.passed + counts.failed === 0)
    console.error(`${step.name} ran no test, which counts as a failure`);
  // A suite that does not load, or an error outside any test, fails the run without a failed test.
  const failed = succeeded && counts.passed > 0 ? counts.failed : Math.max(counts.failed, 1);
  return { passed: counts.passed, failed };
}

function readReport(path: string): Counts {
  const report = parseReport(path);
  return { passed: report?.numPassedTests ?? 0, failed: report?.numFailedTests ?? 0 };
}

function failuresOf({ report }: Step): readonly string[] {
  if (report === undefined) return [];
  return (parseReport(join(repository, report))?.testResults ?? []).flatMap(
    ({ message, assertionResults }) => {
      const failed = assertionResults.filter(({ status }) => status === 'failed');
      if (failed.length === 0) return message === '' ? [] : [firstLine(message)];
      return failed.map(
        ({ fullName, failureMessages }) => `${fullName}: ${firstLine(failureMessages?.[0] ?? '')}`,
      );
    },
  );
}

function parseReport(path: string): VitestReport | undefined {
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as VitestReport) : undefined;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}

function close(results: readonly Outcome[]): void {
  const width = Math.max(...results.map(({ name }) => name.length));
  console.log('\n=== steps');
  for (const { name, passed, failed, seconds } of results) {
    const verdict = failed === 0 ? 'ok    ' : 'FAILED';
    console.log(
      `${verdict}  ${name.padEnd(width)}  ${seconds.toFixed(1).padStart(6)} s  ${passed} passed, ${failed} failed`,
    );
  }
  const failures = results.flatMap((result) => result.failures);
  if (failures.length > 0) console.log(`\n=== failed tests\n${failures.join('\n')}`);
  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  const failed = results.reduce((sum, result) => sum + result.failed, 0);
  const closingLine = `${passed} passed, ${failed} failed`;
  writeFileSync(join(reports, 'closing-line'), `${closingLine}\n`);
  console.log(`\n${closingLine}`);
  process.exitCode = failed === 0 ? 0 : 1;
}
