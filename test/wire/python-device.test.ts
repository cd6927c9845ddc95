import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { createRng, type Rng } from '@fieldpost/protocol';
import { afterEach, describe, expect, test } from 'vitest';
import { type GatewayProcess, startGatewayProcess, TEST_SECRET } from '../support/gateway-process.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';
import { callApi, mintToken, readQueue, type Target } from './target.ts';
import { within } from './within.ts';

const folder = join(import.meta.dirname, '../../examples/python-device');
const run = promisify(execFile);
const PYTHON_ENVIRONMENT = { ...process.env, PYTHONDONTWRITEBYTECODE: '1', NO_PROXY: '*' };

/** `PYTHON_DEVICE_SEEDS=1,2,3` runs others. */
const seeds = (process.env['PYTHON_DEVICE_SEEDS'] ?? '1,2').split(',').map(Number);

const tidyUps: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const tidyUp of tidyUps.splice(0).toReversed()) await tidyUp();
});

test('its codec reads and refuses the golden corpus, its outbox keeps its rules', async () => {
  const { stderr } = await run('python3', ['-m', 'unittest', 'test_corpus', 'test_outbox'], {
    cwd: folder,
    env: PYTHON_ENVIRONMENT,
  });
  expect(stderr).toMatch(/Ran 14 tests in .*\n\nOK/);
});

describe('against a real gateway', () => {
  test('messages saved offline arrive in order, by priority, and refused ones are told', async () => {
    const device = await setUp();
    await makeQueue(device, 'orders');
    await device.run('send', 'orders', 'a', 'b');
    await device.run('send', 'nowhere', 'lost');
    await device.run('send', '--priority', '7', '--label', 'Größe', 'orders', 'urgent');
    await device.run('send', 'orders', 'c');
    await device.run('sync', device.gateway.url, '--until-empty');
    expect(await bodies(device, 'orders')).toEqual(['urgent', 'a', 'b', 'c']);
    const listed = JSON.parse(await device.run('list')) as { waiting: unknown; setAside: { code: string }[] };
    expect(listed.waiting).toMatchObject({ messages: 0 });
    expect(listed.setAside).toMatchObject([{ code: 'queue-not-found' }]);
  });

  test('what was taken back before it was sent never arrives, what came too late does', async () => {
    const device = await setUp();
    await makeQueue(device, 'orders');
    const [first = '', second = ''] = (await device.run('send', 'orders', 'a', 'b')).trim().split('\n');
    await device.run('cancel', second);
    await device.run('send', 'orders', 'c');
    await device.run('sync', device.gateway.url, '--until-empty');
    expect(await bodies(device, 'orders')).toEqual(['a', 'c']);
    await expect(device.run('cancel', first)).rejects.toThrow('too late');
  });

  test('a body too large for its queue is refused, and those behind it arrive', async () => {
    const device = await setUp();
    await makeQueue(device, 'orders', 10);
    await device.run('send', 'orders', 'a', 'x'.repeat(11), 'b');
    await device.run('sync', device.gateway.url, '--until-empty');
    expect(await bodies(device, 'orders')).toEqual(['a', 'b']);
    expect(JSON.parse(await device.run('list'))).toMatchObject({ setAside: [{ code: 'too-large' }] });
  });

  test('more refusals than one answer tells are all told, and what is behind them arrives', async () => {
    const device = await setUp();
    await makeQueue(device, 'orders', 3);
    const refused = Array.from({ length: 2500 }, (_, index) => `long ${index}`);
    const script =
      'import sys; from outbox import Outbox; outbox = Outbox(sys.argv[1])\n' +
      'for body in sys.stdin: outbox.save("orders", 3, body.strip().encode(), {})';
    const saving = run('python3', ['-c', script, device.database], { cwd: folder, env: PYTHON_ENVIRONMENT });
    saving.child.stdin?.end([...refused, 'end'].join('\n'));
    await saving;
    await device.run('sync', device.gateway.url, '--until-empty');
    expect(await bodies(device, 'orders')).toEqual(['end']);
    const { setAside } = JSON.parse(await device.run('list')) as { setAside: { code: string }[] };
    expect(setAside.map(({ code }) => code)).toEqual(refused.map(() => 'too-large'));
  });

  test('a lost welcome is made up for by naming the session in force', async () => {
    const device = await setUp();
    await makeQueue(device, 'orders');
    await device.run('send', 'orders', 'a');
    device.proxy.setMode({ kind: 'cut-after', direction: 'down', bytes: 5 });
    await device.run('sync', device.proxyUrl, '--until-empty');
    expect(device.proxy.counters.faults['cut-after-down']).toBe(1);
    expect(await bodies(device, 'orders')).toEqual(['a']);
  });

  test('a copy of its database sends nothing twice', async () => {
    const device = await setUp();
    await makeQueue(device, 'orders');
    await device.run('send', 'orders', 'a', 'b');
    const copy = `${device.database}.copy`;
    await run('python3', ['-c', COPY_DATABASE, device.database, copy]);
    await device.run('sync', device.gateway.url, '--until-empty');
    await device.runOn(copy, 'send', 'orders', 'from the copy');
    await device.runOn(copy, 'sync', device.gateway.url, '--until-empty');
    await device.run('send', 'orders', 'from the first');
    await device.run('sync', device.gateway.url, '--until-empty');
    expect(await bodies(device, 'orders')).toEqual(['a', 'b', 'from the copy', 'from the first']);
  });

  test('a gateway restored from an older copy hears what is lost, and the rest flows', async () => {
    const device = await setUp();
    await makeQueue(device, 'orders');
    const { dataDir } = device.gateway;
    const copy = `${dataDir}.copy`;
    tidyUps.push(() => rmSync(copy, { recursive: true, force: true }));
    // One program, and so one epoch, before and after the restore.
    const writer = device.spawn('send', 'orders');
    const saved = createInterface({ input: writer.child.stdout })[Symbol.asyncIterator]();
    const send = async (body: string): Promise<void> => {
      writer.child.stdin.write(`${body}\n`);
      await within('a message is saved', saved.next());
    };
    await send('kept');
    await device.run('sync', device.gateway.url, '--until-empty');
    await device.gateway.stop();
    cpSync(dataDir, copy, { recursive: true });
    await device.gateway.restart();
    await send('forgotten');
    await device.run('sync', device.gateway.url, '--until-empty');
    await device.gateway.kill9();
    rmSync(dataDir, { recursive: true });
    cpSync(copy, dataDir, { recursive: true });
    await device.gateway.restart();
    await send('after');
    await device.run('sync', device.gateway.url, '--until-empty');
    await writer.end();
    expect(await bodies(device, 'orders')).toEqual(['kept', 'after']);
    expect(device.gateway.log.filter((line) => line.includes('messages are lost')).length).toBeGreaterThan(0);
  });

  test.each(seeds)(
    'killed, cut and restarted at random (seed %d): every message once and in order',
    { timeout: 240_000 },
    async (seed) => {
      const device = await setUp();
      const rng = createRng(`python-device/${seed}`);
      await makeQueue(device, 'orders');
      await makeQueue(device, 'visits');
      const ledger = new Map<string, string[]>([
        ['orders', []],
        ['visits', []],
      ]);
      const faults = await whileFaultsHappen(device, rng, async () => {
        await Promise.all(
          [...ledger].map(([queue, saved]) => saveInKilledProcesses(device, queue, saved, rng.fork(queue))),
        );
      });
      expect(faults).toMatchObject({
        gatewayKills: expect.toSatisfy(atLeastTwo),
        deviceKills: expect.toSatisfy(atLeastTwo),
        cuts: expect.toSatisfy(atLeastTwo),
      });
      await device.run('sync', device.gateway.url, '--until-empty');
      for (const [queue, saved] of ledger) {
        const arrived = await bodies(device, queue);
        // A message whose saving was not confirmed may be there too: its process was killed before it could say so.
        expect(
          arrived.filter((body) => saved.includes(body)),
          queue,
        ).toEqual(saved);
        expect(new Set(arrived).size, queue).toBe(arrived.length);
        expect(arrived.map(Number), queue).toEqual(
          arrived.map(Number).toSorted((left, right) => left - right),
        );
      }
    },
  );
});

const MESSAGES = 200;

const atLeastTwo = (count: number): boolean => count >= 2;
const COPY_DATABASE =
  'import sqlite3, sys; sqlite3.connect(sys.argv[1]).backup(sqlite3.connect(sys.argv[2]))';

/** A process that is to run until it is killed. */
class PythonProcess {
  readonly child: ChildProcessWithoutNullStreams;
  readonly #exited: Promise<unknown>;
  #complaints = '';

  constructor(child: ChildProcessWithoutNullStreams) {
    this.child = child;
    child.stdin.on('error', () => undefined);
    child.stderr.on('data', (text: Buffer) => (this.#complaints += text.toString('utf8')));
    this.#exited = once(child, 'exit');
  }

  async kill9(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.#exited;
    if (this.child.signalCode !== 'SIGKILL') {
      throw new Error(`it had ended by itself:\n${this.#complaints.slice(-4000)}`);
    }
  }

  async end(): Promise<void> {
    this.child.stdin.end();
    await this.#exited;
  }
}

interface PythonDevice {
  readonly gateway: GatewayProcess;
  readonly target: Target;
  readonly proxy: TcpProxy;
  readonly proxyUrl: string;
  readonly database: string;
  readonly token: string;
  run(...parts: readonly string[]): Promise<string>;
  runOn(database: string, ...parts: readonly string[]): Promise<string>;
  spawn(...parts: readonly string[]): PythonProcess;
}

async function setUp(): Promise<PythonDevice> {
  const gateway = await startGatewayProcess({ mode: 'secret' });
  tidyUps.push(() => gateway.dispose());
  const proxy = await startTcpProxy({ target: () => ({ host: '127.0.0.1', port: gateway.port }) });
  tidyUps.push(() => proxy.close());
  const home = mkdtempSync(join(tmpdir(), 'fieldpost-python-'));
  tidyUps.push(() => rmSync(home, { recursive: true, force: true }));
  const secret = new TextEncoder().encode(TEST_SECRET);
  const target: Target = {
    url: gateway.url,
    host: '127.0.0.1',
    port: gateway.port,
    secret,
    pid: gateway.pid,
    close: async () => undefined,
  };
  const token = await mintToken(target, { subject: 'python' });
  const env = { ...PYTHON_ENVIRONMENT, FIELDPOST_TOKEN: token };
  const database = join(home, 'outbox.db');
  const command = (file: string, parts: readonly string[]): string[] => [
    join(folder, 'device.py'),
    '--database',
    file,
    ...parts,
  ];
  const runOn = async (file: string, ...parts: readonly string[]): Promise<string> =>
    (await run('python3', command(file, parts), { env, timeout: 60_000 })).stdout;
  return {
    gateway,
    target,
    proxy,
    proxyUrl: `http://127.0.0.1:${proxy.port}`,
    database,
    token,
    runOn,
    run: (...parts) => runOn(database, ...parts),
    spawn: (...parts) => new PythonProcess(spawn('python3', command(database, parts), { env })),
  };
}

async function makeQueue(device: PythonDevice, name: string, maxBodyBytes?: number): Promise<void> {
  const response = await callApi(
    device.target,
    'PUT',
    `/v1/queues/${name}`,
    maxBodyBytes === undefined ? {} : { maxBodyBytes },
  );
  expect(response.status).toBe(201);
}

async function bodies(device: PythonDevice, queue: string): Promise<string[]> {
  return (await readQueue(device.target, queue)).map(({ body }) => body);
}

/** Saves 1, 2, 3 … by processes that are killed in the midst of it; `saved` gets those whose saving was confirmed. */
async function saveInKilledProcesses(
  device: PythonDevice,
  queue: string,
  saved: string[],
  rng: Rng,
): Promise<void> {
  let next = 1;
  while (next <= MESSAGES) {
    const writer = device.spawn('send', queue);
    const killAt = next + 10 + rng.below(80);
    const confirmed = createInterface({ input: writer.child.stdout })[Symbol.asyncIterator]();
    for (; next <= MESSAGES && next !== killAt; next++) {
      writer.child.stdin.write(`${next}\n`);
      const line = await within('a message is saved', confirmed.next());
      if (line.done === true) break;
      saved.push(String(next));
    }
    if (next > MESSAGES) {
      await writer.end();
      return;
    }
    // This one is never tried again, whether it got saved or not.
    writer.child.stdin.write(`${next++}\n`);
    await writer.kill9();
  }
}

/** Drains meanwhile, with kills of device and gateway and cut connections, until `work` is done. */
async function whileFaultsHappen(
  device: PythonDevice,
  rng: Rng,
  work: () => Promise<void>,
): Promise<{ gatewayKills: number; deviceKills: number; cuts: number }> {
  const faults = { gatewayKills: 0, deviceKills: 0, cuts: 0 };
  let isDone = false;
  // Once all is saved, a message more keeps something going on.
  const untilBytesFlow = (holds: () => boolean): Promise<void> => {
    const isFlowing = async (): Promise<boolean> => {
      if (isDone) await device.run('send', 'orders', String(MESSAGES + ++extra));
      return holds();
    };
    return until(isFlowing, { withinMs: 60_000, what: 'bytes flow' });
  };
  const working = work().finally(() => (isDone = true));
  let sync = device.spawn('sync', '--pause-max', '1', device.proxyUrl);
  try {
    while (!isDone || faults.gatewayKills < 2 || faults.deviceKills < 2 || faults.cuts < 2) {
      const before = device.proxy.counters.bytesDown;
      // Faults come when something has been going on, not by the clock.
      await untilBytesFlow(() => device.proxy.counters.bytesDown > before);
      // At the end only what has been missing so far.
      const missing = faults.gatewayKills < 2 ? 0 : faults.deviceKills < 2 ? 1 : 2;
      const fault = isDone ? missing : rng.below(4);
      if (fault === 0) {
        await device.gateway.kill9();
        faults.gatewayKills++;
        await device.gateway.restart();
      } else if (fault === 1) {
        await sync.kill9();
        faults.deviceKills++;
        sync = device.spawn('sync', '--pause-max', '1', device.proxyUrl);
      } else {
        const { faults: met } = device.proxy.counters;
        const count = (): number => met['cut-after-up'] + met['cut-after-down'];
        const cutBefore = count();
        device.proxy.setMode({
          kind: 'cut-after',
          direction: rng.pick(['up', 'down']),
          bytes: 1 + rng.below(1000),
        });
        await untilBytesFlow(() => count() > cutBefore);
        faults.cuts += count() - cutBefore;
        device.proxy.setMode({ kind: 'pass' });
      }
    }
    await working;
  } finally {
    device.proxy.setMode({ kind: 'pass' });
    await sync.kill9();
  }
  return faults;
}

/** Messages that keep frames flowing until enough faults have met some. */
let extra = 0;
