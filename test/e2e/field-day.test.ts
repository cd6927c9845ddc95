import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { until } from '../support/until.ts';

// The command as a person runs it, with fewer orders.

const main = join(import.meta.dirname, '../field-day/main.ts');
const withinMs = 240_000;

/** The command's own temporary folder, so that what it leaves behind is seen. */
let folder: string;
let child: ChildProcess | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fieldpost-e2e-'));
});
afterEach(() => {
  child?.kill('SIGTERM');
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

test(
  'without faults, all orders arrive once, in order, unchanged, and nothing is left behind',
  { timeout: withinMs },
  async () => {
    const { exitCode, result } = await fieldDay('--orders 50 --faults none');
    expect(result).toEqual({
      orders: 50,
      lost: 0,
      duplicated: 0,
      outOfOrder: 0,
      redelivered: 0,
      faults: {},
      seconds: expect.any(Number),
      bytesPerOrder: expect.any(Number),
    });
    expect(exitCode).toBe(0);
    expect(readdirSync(folder)).toEqual([]);
    expect(processesIn(folder)).toEqual([]);
  },
);

test('with every kind of fault, the same; each fault has met something', { timeout: withinMs }, async () => {
  const { exitCode, result } = await fieldDay('--orders 100 --faults some --seed 1');
  expect(result).toMatchObject({ orders: 100, lost: 0, duplicated: 0, outOfOrder: 0 });
  expect(result['faults']).toEqual({
    offline: 1,
    refuse: 1,
    stall: 1,
    cut: 1,
    'cut-up': 1,
    'cut-down': 1,
    'half-open': 1,
    reload: 1,
    'browser-kill': 1,
    'gateway-kill': 1,
    'gateway-kill-before-ack': 1,
    'consumer-kill': 1,
  });
  // A consumer that was killed before it could acknowledge gets its last message again, at least.
  expect(result['redelivered']).toBeGreaterThanOrEqual(1);
  expect(exitCode).toBe(0);
});

test.each([
  ['drop', { lost: 1, duplicated: 0, outOfOrder: 0 }, /^ {2}lost: /m],
  ['double', { lost: 0, duplicated: 1, outOfOrder: 0 }, /^ {2}duplicated: /m],
  ['swap', { lost: 0, duplicated: 0, outOfOrder: 1 }, /^ {2}out of order: /m],
  ['cent', { lost: 0, duplicated: 0, outOfOrder: 0 }, /^ {2}changed: .*sales: \d+ was sent, \d+ arrived/m],
])(
  'a tablet with the planted defect "%s" is found out',
  { timeout: withinMs },
  async (sabotage, counts, finding) => {
    const { exitCode, result, output } = await fieldDay(
      `--orders 20 --tablets 2 --faults none --sabotage ${sabotage}`,
    );
    expect(result).toMatchObject({ orders: 20, ...counts });
    expect(output).toMatch(finding);
    expect(exitCode).toBe(1);
  },
);

test('Ctrl-C in mid-day ends everything and leaves nothing behind', { timeout: withinMs }, async () => {
  const day = start('--orders 200 --faults many --seed 1');
  await until(() => /the day: [1-9]/.test(day.output()), { withinMs: 60_000 });
  expect(processesIn(folder).length).toBeGreaterThan(0);
  day.process.kill('SIGINT');
  expect(await day.exited).toBe(130);
  expect(readdirSync(folder)).toEqual([]);
  await until(() => processesIn(folder).length === 0);
});

test('what it does not understand it refuses with exit code 2', async () => {
  const day = start('--orders many');
  expect(await day.exited).toBe(2);
  expect(day.output()).toContain('--orders many: a whole number from 1 to 5009 is needed');
});

interface RunningDay {
  readonly process: ChildProcess;
  readonly output: () => string;
  readonly exited: Promise<unknown>;
}

async function fieldDay(
  words: string,
): Promise<{ exitCode: unknown; output: string; result: Readonly<Record<string, unknown>> }> {
  const day = start(`${words} --json`);
  const exitCode = await day.exited;
  const output = day.output();
  const last = output.trimEnd().split('\n').at(-1) ?? '';
  // Whatever went wrong before its last line stands in the output.
  if (!last.startsWith('{')) throw new Error(`no result in:\n${output}`);
  const result: unknown = JSON.parse(last);
  return { exitCode, output, result: typeof result === 'object' && result !== null ? { ...result } : {} };
}

function start(words: string): RunningDay {
  const started = spawn(process.execPath, ['--conditions=@fieldpost/source', main, ...words.split(' ')], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child = started;
  let output = '';
  let complaints = '';
  started.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  started.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()));
  const exited = once(started, 'close').then(([code]: unknown[]) => code);
  return { process: started, output: () => complaints + output, exited };
}

/** Processes whose command line names the folder: browsers by their profiles. */
function processesIn(path: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => commandLine(pid))
    .filter((line) => line.includes(path));
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    // It ended while we looked.
    return '';
  }
}
