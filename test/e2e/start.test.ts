import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { BOOKS_FILE } from '@fieldpost/demo-app/server/books.ts';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/until.ts';
import { readBooks, RepBrowser, startChromium } from './demo-stage.ts';

const START = join(import.meta.dirname, '../../scripts/start.ts');
const PAPER = 'Xerox 1986';
const readyWithinMs = 60_000;

let browser: Browser;
beforeAll(async () => {
  browser = await startChromium();
});
afterAll(async () => {
  await browser.close();
});

test('started, stopped with Ctrl-C and started again, it goes on where it ended; --reset clears its data', async () => {
  await using place = await openPlace();
  const first = start(place);
  await first.ready();
  expect(first.output()).toContain(`${place.demo}/office`);
  const rep = await RepBrowser.open(browser, place.demo);
  await rep.signIn('Maya Lindqvist');
  const delivered = await rep.takeOrder('Claire Gute', [PAPER]);
  await rep.waitForState(delivered, 'Delivered');
  await until(() => readBooks(place.dataDir).orders === 1, {
    what: 'the first order is booked',
    withinMs: 30_000,
  });
  expect(await first.interrupt()).toBe(0);
  await expect(fetch(`${place.gateway}/healthz`)).rejects.toThrow('fetch failed');

  const waiting = await rep.takeOrder('Andrew Allen', [PAPER]);
  await rep.waitForState(waiting, 'Saved here');

  const second = start(place);
  await second.ready();
  await rep.waitForState(waiting, 'Delivered');
  await rep.waitForState(delivered, 'Delivered');
  await until(() => readBooks(place.dataDir).orders === 2, {
    what: 'the second order is booked',
    withinMs: 30_000,
  });
  await rep.close();
  expect(await second.interrupt()).toBe(0);

  const third = start(place, ['--reset']);
  await third.ready();
  expect(readBooks(place.dataDir).orders).toBe(0);
  expect(await third.interrupt()).toBe(0);
});

test('a taken port is an error that names it, and no other port is tried', async () => {
  await using place = await openPlace();
  const other = createServer().listen(Number(new URL(place.demo).port), '127.0.0.1');
  const running = start(place);
  expect(await running.ended).toBe(1);
  expect(running.output()).toContain(
    `port ${new URL(place.demo).port} (the demo) is taken by another program`,
  );
  expect(existsSync(place.dataDir)).toBe(false);
  await new Promise((resolve) => other.close(resolve));
});

test('--reset deletes nothing from a folder that holds files of somebody else', async () => {
  await using place = await openPlace();
  mkdirSync(place.dataDir);
  writeFileSync(join(place.dataDir, BOOKS_FILE), '');
  writeFileSync(join(place.dataDir, 'thesis.txt'), 'mine');
  const running = start(place, ['--reset']);
  expect(await running.ended).toBe(1);
  expect(running.output()).toContain("files that are not Fieldpost's");
  expect(existsSync(join(place.dataDir, 'thesis.txt'))).toBe(true);
  expect(existsSync(join(place.dataDir, BOOKS_FILE))).toBe(true);
});

test('an unknown option is answered with those that there are', async () => {
  await using place = await openPlace();
  const running = start(place, ['--rest']);
  expect(await running.ended).toBe(1);
  expect(running.output()).toContain('--reset');
});

interface Place extends AsyncDisposable {
  readonly dataDir: string;
  readonly gateway: string;
  readonly demo: string;
  /** What was started here and may still run when the test fails. */
  readonly running: Running[];
}

interface Running {
  /** The exit code. */
  readonly ended: Promise<number | null>;
  /** Everything it wrote so far. */
  output(): string;
  /** Waits until it says that it runs. */
  ready(): Promise<void>;
  /** Presses Ctrl-C and waits for the exit code. */
  interrupt(): Promise<number | null>;
}

async function openPlace(): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'fieldpost-start-'));
  const running: Running[] = [];
  return {
    dataDir: join(folder, 'data'),
    gateway: `http://127.0.0.1:${await freePort()}`,
    demo: `http://127.0.0.1:${await freePort()}`,
    running,
    [Symbol.asyncDispose]: async () => {
      for (const each of running) await each.interrupt();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function start(place: Place, more: readonly string[] = []): Running {
  const ports = ['--port', new URL(place.gateway).port, '--demo-port', new URL(place.demo).port];
  const child = spawn(
    process.execPath,
    ['--conditions=@fieldpost/source', START, ...ports, '--data-dir', place.dataDir, ...more],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', (line) => lines.push(line));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const output = (): string => lines.join('\n');
  const running: Running = {
    ended,
    output,
    ready: () =>
      until(
        () => {
          if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}:\n${output()}`);
          return output().includes('Fieldpost is running.');
        },
        { withinMs: readyWithinMs, what: 'npm start says that it runs' },
      ),
    interrupt: () => {
      child.kill('SIGINT');
      return ended;
    },
  };
  place.running.push(running);
  return running;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
