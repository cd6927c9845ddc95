import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { WireDevice } from '../wire/wire-device.ts';
import { openLink, type WireLink } from '../wire/wire-link.ts';

// The real command line calls a real gateway.

const MAIN = fileURLToPath(import.meta.resolve('@fieldpost/gateway').replace('index.ts', 'main.ts'));
const PAGE = new URL('../../docs/guides/command-line.md', import.meta.url);
const NOBODY = '00000000-0000-4000-8000-000000000000';

// Each of these starts real processes, one after the other.
vi.setConfig({ testTimeout: 120_000 });

let gateway: GatewayProcess;
let folder: string;
let environment: Record<string, string>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fieldpost-operator-'));
  gateway = await startGatewayProcess();
  environment = { FIELDPOST_URL: gateway.url, FIELDPOST_TOKEN: await gateway.token() };
}, 60_000);
afterAll(async () => {
  await gateway.dispose();
  rmSync(folder, { recursive: true, force: true });
});

test('every command of the page does what it should', async () => {
  const commands = [...readFileSync(PAGE, 'utf8').matchAll(/^fieldpost-gateway (.+)$/gm)].map(
    ([, line = '']) => [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word ?? ''),
  );
  expect(commands.length).toBeGreaterThan(12);
  for (const command of commands)
    expect(await run(command), command.join(' ')).toMatchObject({ code: 0, stderr: '' });
});

test('--help tells what each group of commands has, and what each command takes', async () => {
  const helps = await Promise.all(
    [
      [['queues'], /list[^]*show[^]*create[^]*set[^]*delete[^]*pause[^]*resume[^]*purge[^]*move[^]*redrive/],
      [['jobs'], /list[^]*show[^]*cancel/],
      [['messages'], /show/],
      [['devices'], /list[^]*show[^]*revoke[^]*reinstate/],
      [['lost-ranges'], /list/],
      [['queues', 'set'], /--url[^]*FIELDPOST_URL[^]*--token[^]*--json[^]*--max-deliveries[^]*--rules/],
    ].map(async ([command, expected]) => ({
      help: await run([...(command as string[]), '--help']),
      expected,
    })),
  );
  for (const { help, expected } of helps)
    expect(help).toMatchObject({ code: 0, stdout: expect.stringMatching(expected as RegExp) });
});

describe('queues', () => {
  test('are made, shown, changed, listed and deleted', async () => {
    const rules = join(folder, 'rules.json');
    writeFileSync(rules, '[{ "name": "all", "action": "copy", "to": "copies" }]');
    await run(['queues', 'create', 'copies']);
    const settings = ['--quota-bytes', '5000', '--dead-letter', 'false', '--rules', rules];
    expect(await run(['queues', 'create', 'visits', ...settings, '--json'])).toMatchObject({ code: 0 });
    expect(await queue('visits')).toMatchObject({
      quotaBytes: 5000,
      deadLetter: false,
      rules: [{ name: 'all', action: 'copy', to: 'copies' }],
    });
    const changes = [
      '--quota-bytes',
      'none',
      '--rules',
      'none',
      '--ordering',
      'fifo',
      '--retry-delays',
      '5s,1m',
    ];
    expect((await run(['queues', 'set', 'visits', ...changes])).stdout).toMatch(/^ordering +fifo$/m);
    const changed = await queue('visits');
    expect(changed).toMatchObject({ ordering: 'fifo', retryDelaysMs: [5000, 60_000], rules: [] });
    expect(changed).not.toHaveProperty('quotaBytes');
    const { stdout } = await run(['queues', 'list']);
    expect(stdout).toMatch(/^QUEUE +READY +LEASED +DELAYED +BLOCKED +BYTES +OLDEST +PAUSED\n/);
    expect(stdout).toMatch(/^visits +0 +0 +0 +0 +0 +- +no$/m);
    await send('visits', 'one');
    expect(await run(['queues', 'delete', 'visits'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^fieldpost-gateway: queue-not-empty: .*--with-messages/),
    });
    expect(await run(['queues', 'delete', 'visits', '--with-messages'])).toMatchObject({
      code: 0,
      stdout: 'visits is deleted\n',
    });
    expect((await run(['queues', 'show', 'visits'])).code).toBe(1);
  });

  test('are paused and resumed, as a whole or in part', async () => {
    await run(['queues', 'create', 'pausing']);
    for (const [flags, paused] of [
      [['pause', 'pausing', '--sending'], 'sending'],
      [['pause', 'pausing'], 'both'],
      [['resume', 'pausing', '--receiving'], 'sending'],
      [['resume', 'pausing'], 'no'],
    ] as const) {
      await run(['queues', ...flags]);
      expect(await queue('pausing')).toMatchObject({ paused });
    }
  });

  test('are purged, moved and redriven by jobs that can be waited for, listed and cancelled', async () => {
    for (const name of ['from', 'to']) await run(['queues', 'create', name]);
    const ids = await Promise.all(['a', 'b', 'c'].map((body) => send('from', body)));
    const [first = '', second = ''] = ids;
    const moved = await run([
      'queues',
      'move',
      'from',
      'to',
      '--id',
      first,
      '--id',
      second,
      '--wait',
      '--json',
    ]);
    expect(JSON.parse(moved.stdout)).toMatchObject({ kind: 'move', state: 'done', done: 2 });
    expect([await queue('from'), await queue('to')]).toMatchObject([{ ready: 1 }, { ready: 2 }]);
    const told = await run(['messages', 'show', first]);
    expect(told.stdout).toMatch(/^to: ready\nAT +EVENT +QUEUE[^]*left +from/);
    expect(
      JSON.parse((await run(['messages', 'show', first, '--queue', 'to', '--json'])).stdout),
    ).toMatchObject({
      id: first,
    });
    // Slow enough to be met while it runs.
    const begun = await run(['queues', 'purge', 'to', '--rate', '1', '--json']);
    const { id } = JSON.parse(begun.stdout) as { id: string };
    const cancelled = await run(['jobs', 'cancel', id, '--json']);
    expect(JSON.parse(cancelled.stdout)).toMatchObject({ id, kind: 'purge' });
    expect((await run(['jobs', 'list'])).stdout).toMatch(new RegExp(`^${id} +purge +to +-`, 'm'));
    expect((await run(['jobs', 'show', id])).stdout).toMatch(/^state +(?:cancelled|done)$/m);
    expect(await run(['queues', 'redrive', 'from', '--wait'])).toMatchObject({ code: 0 });
  });
});

describe('devices', () => {
  test('are listed, shown, revoked and reinstated', async () => {
    const device = new WireDevice('orders');
    const { device: id } = device;
    const link = await openDeviceLink();
    await device.hello(link, { waiting: { messages: 3, bytes: 30, oldestAgeMs: 0 } });
    expect((await run(['devices', 'list'])).stdout).toMatch(
      new RegExp(`^${id} +rep +\\d+s +3 +away +-$`, 'm'),
    );
    expect(JSON.parse((await run(['devices', 'list', '--limit', '1', '--json'])).stdout)).toMatchObject({
      devices: [{ id }],
    });
    expect((await run(['devices', 'revoke', id])).stdout).toMatch(/^revoked +true$/m);
    expect(await link.exchange(device.helloFrame())).toEqual([{ type: 'fenced', reason: 'revoked' }]);
    expect((await run(['devices', 'list'])).stdout).toMatch(new RegExp(`^${id}.*revoked`, 'm'));
    expect((await run(['devices', 'reinstate', id])).stdout).toMatch(/^revoked +false$/m);
    await device.hello(link);
  });
});

describe('what goes wrong is said in one line, with an exit code', () => {
  test.each<[string, string[], Record<string, string>, number, RegExp]>([
    [
      'no token',
      ['queues', 'list'],
      { FIELDPOST_TOKEN: '' },
      1,
      /^fieldpost-gateway: no token: set FIELDPOST_TOKEN[^\n]*\n$/,
    ],
    [
      'a token that is none',
      ['queues', 'list', '--token', 'x'],
      {},
      1,
      /^fieldpost-gateway: unauthorized: [^\n]*\n$/,
    ],
    [
      'no gateway',
      ['queues', 'list'],
      { FIELDPOST_URL: 'http://127.0.0.1:1' },
      1,
      /: no answer from http:\/\/127\.0\.0\.1:1 \([^)]+\): does the gateway run\?/,
    ],
    ['an address that is none', ['queues', 'list', '--url', 'here'], {}, 1, /--url is "here": must be like/],
    [
      'a queue that is not there',
      ['queues', 'show', 'nowhere'],
      {},
      1,
      /: queue-not-found: no queue is named nowhere \("fieldpost-gateway queues list"/,
    ],
    [
      'a name that is none',
      ['queues', 'create', 'No Queue'],
      {},
      1,
      /: invalid-request: path\.queue: not a queue name/,
    ],
    ['no setting to change', ['queues', 'set', 'orders'], {}, 1, /no setting was given/],
    [
      'a number that is none',
      ['queues', 'create', 'q', '--max-deliveries', 'many'],
      {},
      2,
      /has to be a whole number/,
    ],
    [
      'a choice that is none',
      ['queues', 'create', 'q', '--ordering', 'size'],
      {},
      2,
      /Allowed choices are priority, fifo/,
    ],
    [
      'a time that is none',
      ['queues', 'create', 'q', '--journal-retention', 'long'],
      {},
      2,
      /has to be a time such as/,
    ],
    [
      'a file that is not there',
      ['queues', 'create', 'q', '--schema', 'missing.json'],
      {},
      1,
      /--schema: missing\.json cannot be read as JSON/,
    ],
    ['a device that nobody knows', ['devices', 'revoke', NOBODY], {}, 1, /: not-found: no device/],
    [
      'an id that is none',
      ['messages', 'show', '../queues'],
      {},
      1,
      /: invalid-request: path\.id: not a UUID/,
    ],
    ['no command', ['queues'], {}, 2, /Usage: fieldpost-gateway queues/],
    ['an unknown command', ['queues', 'paint'], {}, 2, /unknown command 'paint'/],
  ])('%s', async (_, parameters, changes, code, message) => {
    expect(await run(parameters, changes)).toMatchObject({ code, stderr: expect.stringMatching(message) });
  });

  test('a token that allows too little', async () => {
    const token = await gateway.token({ manage: ['orders'] });
    expect(await run(['devices', 'list'], { FIELDPOST_TOKEN: token })).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^fieldpost-gateway: access-denied: [^\n]*--manage "\*"/),
    });
  });

  test('what answers is no gateway', async () => {
    const other = createServer((_, response) =>
      response.writeHead(200).end('<html>welcome to our network</html>'),
    );
    const url = await listen(other);
    expect(await run(['queues', 'list', '--url', url])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/answered 200, and not as a gateway does/),
    });
    other.close();
  });

  test('a text that would move the cursor is shown, not followed', async () => {
    const other = createServer((_, response) =>
      response.end(JSON.stringify({ devices: [{ id: NOBODY, subject: '\u001B[2Jrep' }] })),
    );
    const url = await listen(other);
    const { stdout } = await run(['devices', 'list', '--url', url]);
    expect(stdout).toContain('[2Jrep');
    expect(stdout).not.toContain('\u001B');
    other.close();
  });
});

async function queue(name: string): Promise<unknown> {
  return JSON.parse((await run(['queues', 'show', name, '--json'])).stdout);
}

async function send(name: string, body: string): Promise<string> {
  const answer = await call(`/v1/queues/${name}/messages`, JSON.stringify({ body }), 'application/json');
  return ((await answer.json()) as { id: string }).id;
}

async function call(path: string, body: string, mediaType: string): Promise<Response> {
  const headers = {
    authorization: `Bearer ${environment['FIELDPOST_TOKEN'] ?? ''}`,
    'content-type': mediaType,
  };
  return fetch(`${gateway.url}${path}`, { method: 'POST', headers, body });
}

async function openDeviceLink(): Promise<WireLink> {
  const { url, port, pid } = gateway;
  const target = {
    url,
    host: '127.0.0.1',
    port,
    pid,
    secret: new Uint8Array(),
    close: async () => undefined,
  };
  return openLink('HTTP', target, await gateway.token());
}

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `http://127.0.0.1:${address.port}`;
}

interface Outcome {
  readonly code: unknown;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(parameters: readonly string[], changes: Record<string, string> = {}): Promise<Outcome> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('FIELDPOST_'));
  const child = spawn(process.execPath, ['--conditions=@fieldpost/source', MAIN, ...parameters], {
    cwd: folder,
    env: { ...Object.fromEntries(inherited), ...environment, ...changes },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 30_000,
  });
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit') as Promise<unknown[]>,
  ]);
  return { code, stdout, stderr };
}
