import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDoneMessages } from '@fieldpost/sdk/consumer';
import Database from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { PostgresServer } from '../support/postgres/postgres-server.ts';
import { QueueAtGateway } from '../support/queue-at-gateway.ts';
import { until } from '../support/until.ts';
import { examplesOf } from './examples.ts';

// Leases and processes are real, and so is their time on a busy machine.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

// The examples of docs/guides/consuming.md, run as they stand; only the gateway's address is another.

const [loop = '', handlers = '', database = '', invoices = '', nextStep = '', ...others] =
  examplesOf('docs/guides/consuming.md');
let gateway: GatewayProcess;
let queue: QueueAtGateway;
let folder: string;
const running: ChildProcess[] = [];

beforeAll(async () => {
  gateway = await startGatewayProcess();
});
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fieldpost-docs-'));
  const token = await gateway.token();
  queue = await new QueueAtGateway({ name: 'orders', url: () => gateway.url, token }).create();
});
afterEach(async () => {
  await queue.delete();
  for (const child of running.splice(0)) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});
afterAll(() => gateway.dispose());

test('every example of the page is run here', () => {
  expect(others).toEqual([]);
  expect(nextStep).not.toBe('');
});

test('the loop prints and acknowledges what is there, and stops when asked', async () => {
  await queue.send({ number: 'A-1' }, { number: 'A-2' });
  const example = await run(loop);
  await until(() => queue.isEmpty());
  expect(await example.stop()).toBe(0);
  expect(example.output()).toMatch(/\{ number: 'A-1' \}[^]*\{ number: 'A-2' \}/);
});

test('handlers do the good orders and give the others back', async () => {
  await queue.send(
    { number: 'A-1', total: 5 },
    { number: 'A-2', total: -1 },
    { number: 'A-3' },
    { number: 'A-4', total: 7 },
  );
  const example = await run(handlers);
  await until(async () => (await queue.counts()).delayed === 2 && (await queue.counts()).leased === 0);
  expect(await example.stop()).toBe(0);
  expect(example.output()).toMatch(/A-1: 5[^]*A-4: 7/);
  expect(example.output()).toMatch(/handler-failed[^]*A-2 has a negative total/);
  expect(example.output()).toMatch(/bad-body[^]*an order has a total/);
});

test('the database has each order once, and none that it had noted before', async () => {
  await queue.send({ number: 'A-1', total: 5 }, { number: 'A-2', total: 6 }, { number: 'A-3', total: 7 });
  const [, before] = await queue.ids();
  const office = new Database(join(folder, 'office.sqlite'));
  office.exec('CREATE TABLE done (message_id TEXT PRIMARY KEY)');
  office.prepare('INSERT INTO done VALUES (?)').run(before);
  const example = await run(database, { OFFICE_DATABASE: office.name });
  await until(() => queue.isEmpty());
  expect(await example.stop()).toBe(0);
  expect(office.prepare('SELECT number FROM bookings ORDER BY number').pluck().all()).toEqual(['A-1', 'A-3']);
  office.close();
});

test('PostgreSQL has each invoice once, and none that was noted before', async () => {
  const postgres = await PostgresServer.start();
  const office = postgres.connect();
  try {
    await queue.send({ number: 'A-1', total: 5 }, { number: 'A-2', total: 6 }, { number: 'A-3', total: 7 });
    const [, before] = await queue.ids();
    await office.query(createDoneMessages({ work: 'invoices' }).schema);
    await office.query("INSERT INTO fieldpost_done_messages VALUES ('invoices', $1)", [before]);
    const example = await run(invoices, { OFFICE_DATABASE_URL: postgres.url });
    await until(() => queue.isEmpty());
    expect(await example.stop()).toBe(0);
    const { rows } = await office.query('SELECT number, total FROM invoices ORDER BY number');
    expect(rows).toEqual([
      { number: 'A-1', total: 5 },
      { number: 'A-3', total: 7 },
    ]);
  } finally {
    await office.end();
    await postgres.dispose();
  }
});

test('the next step is in its queue when an order has left its own', async () => {
  const names = ['shipments', 'questions'];
  const token = await gateway.token();
  const [shipments, questions] = names.map(
    (name) => new QueueAtGateway({ name, url: () => gateway.url, token }),
  );
  await Promise.all([shipments?.create(), questions?.create()]);
  await queue.send({ number: 'A-1', total: 5 }, { number: 'A-2', total: 5000 }, { number: 'A-3', total: 6 });
  const example = await run(nextStep);
  await until(() => queue.isEmpty());
  expect(await example.stop()).toBe(0);
  expect(await shipments?.messages()).toMatchObject([
    { body: { number: 'A-1', total: 5 }, label: 'order A-1' },
    { body: { number: 'A-3', total: 6 }, label: 'order A-3' },
  ]);
  expect(await questions?.messages()).toMatchObject([{ body: { number: 'A-2', total: 5000 } }]);
});

interface RunningExample {
  readonly output: () => string;
  /** Asks it to stop; resolves with its exit code. */
  readonly stop: () => Promise<unknown>;
}

async function run(
  code: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<RunningExample> {
  const child = spawn(
    process.execPath,
    [
      '--conditions=@fieldpost/source',
      '--input-type=module-typescript',
      '--eval',
      code.replaceAll('http://127.0.0.1:4100', gateway.url),
    ],
    {
      cwd: import.meta.dirname,
      env: { ...process.env, FIELDPOST_TOKEN: await gateway.token(), NO_COLOR: '1', ...environment },
    },
  );
  running.push(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const exited = once(child, 'exit');
  return {
    output: () => output,
    stop: async () => {
      child.kill('SIGTERM');
      const [exitCode]: unknown[] = await exited;
      return exitCode;
    },
  };
}
