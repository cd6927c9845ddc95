import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type GatewayProcess, startGatewayProcess, TEST_SECRET } from '../support/gateway-process.ts';

const MAIN = fileURLToPath(import.meta.resolve('@fieldpost/gateway').replace('index.ts', 'main.ts'));
let folder: string;

// Each of these starts real processes, some of them several.
vi.setConfig({ testTimeout: 60_000 });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fieldpost-cli-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('--help names the commands, --version the release', async () => {
  const help = await run(['--help']);
  expect(help).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/serve[^]*backup[^]*token[^]*serve --help/),
  });
  expect((await run(['serve', '--help'])).stdout).toMatch(/--port <number>[^]*FIELDPOST_PORT/);
  const { version } = JSON.parse(readFileSync(join(MAIN, '../../package.json'), 'utf8')) as {
    version: string;
  };
  expect(await run(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n` });
});

test('an older Node is turned away before it loads what would crash it', async () => {
  const older = join(folder, 'older.mjs');
  writeFileSync(
    older,
    `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.9.0' } });`,
  );
  expect(await run(['serve', '--port', '0'], { NODE_OPTIONS: `--import=${older}` })).toEqual({
    code: 1,
    stdout: '',
    stderr: 'fieldpost-gateway needs Node 22 or later; this is 20.9.0\n',
  });
});

describe('a start that fails says why in one line, and ends with another code than 0', () => {
  test('a flag that is none', async () => {
    expect(await run(['--nope'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/unknown option '--nope'/),
    });
  });

  test('a setting out of bounds', async () => {
    const message = /^fieldpost-gateway: invalid-configuration: port is "abc" \(from flag --port\)[^\n]*\n$/;
    expect(await run(['--port', 'abc'])).toMatchObject({ code: 1, stderr: expect.stringMatching(message) });
  });

  test('keys that are not there', async () => {
    const message = /invalid-configuration: tokenJwks: missing\.json/;
    expect(await run(['--port', '0', '--token-jwks', 'missing.json'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(message),
    });
  });

  test('a port that is taken, and the store is let go of', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const address = taken.address();
    const port = typeof address === 'object' && address !== null ? String(address.port) : '';
    expect(await run(['--port', port])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^fieldpost-gateway: port-in-use: .*127\.0\.0\.1/),
    });
    taken.close();
  });

  test('a store that another gateway has open', async () => {
    await using gateway = await startGatewayProcess();
    expect(await run(['--port', '0', '--data-dir', gateway.dataDir])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/store-locked/),
    });
  });

  test('a data folder that is a file', async () => {
    writeFileSync(join(folder, 'file'), '');
    expect((await run(['--port', '0', '--data-dir', 'file'])).code).toBe(1);
  });
});

describe('development mode', () => {
  test('says where it is and how to get in, and no token stands in the log', async () => {
    const child = start(['--port', '0']);
    const help = await until(child, 'stderr', /(eyJ[\w.-]+)/);
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(help)?.[0] ?? '';
    const token = /eyJ[\w.-]+/.exec(help)?.[0] ?? '';
    expect((await fetch(`${url}/v1/queues`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(
      200,
    );
    child.kill('SIGTERM');
    const log = await text(outputOf(child, 'stdout'));
    expect(log).toMatch(/"msg":"stopped"/);
    expect(log).not.toContain('eyJ');
    for (const line of log.trim().split('\n')) expect(() => JSON.parse(line) as unknown).not.toThrow();
  });
});

describe('token', () => {
  test("makes one with the gateway's secret, which allows what it says", async () => {
    await using gateway = await startGatewayProcess({ mode: 'secret' });
    const flags = ['token', '--sub', 'office', '--manage', 'orders,v*', '--expires', '10m'];
    const { stdout, code } = await run(flags, { FIELDPOST_TOKEN_SECRET: TEST_SECRET });
    expect(code).toBe(0);
    expect(await putQueue(gateway, 'visits', stdout.trim())).toBe(201);
    expect(await putQueue(gateway, 'others', stdout.trim())).toBe(403);
  });

  test('in development mode too, before the gateway ever ran', async () => {
    const { stdout } = await run(['token', '--sub', 'rep', '--manage', '*', '--data-dir', 'data']);
    await using gateway = await startGatewayProcess({ dataDir: join(folder, 'data') });
    expect(await putQueue(gateway, 'visits', stdout.trim())).toBe(201);
  });

  test.each([
    [['--sub', 'rep', '--expires', 'soon'], 1, /--expires is "soon"/],
    [['--sub', 'rep', '--send', 'a*b'], 1, /--send has "a\*b"/],
    [[], 2, /--sub/],
  ])('%j is refused', async (flags, code, message) => {
    expect(await run(['token', ...flags])).toMatchObject({ code, stderr: expect.stringMatching(message) });
  });
});

describe('backup', () => {
  test('copies the store of a running gateway while it takes messages, and the copy serves', async () => {
    await using gateway = await startGatewayProcess();
    const token = await gateway.token();
    await putQueue(gateway, 'orders', token);
    let sent = 0;
    const stop = new AbortController();
    const sending = (async () => {
      while (!stop.signal.aborted) {
        await post(gateway, token, {
          messages: Array.from({ length: 50 }, (_, index) => ({ body: { n: sent + index } })),
        });
        sent += 50;
      }
    })();
    await expect.poll(() => sent).toBeGreaterThan(100);
    const before = sent;
    expect(await run(['backup', 'copy/fieldpost.sqlite', '--data-dir', gateway.dataDir])).toMatchObject({
      code: 1,
    });
    expect(await run(['backup', 'fieldpost.sqlite', '--data-dir', gateway.dataDir])).toMatchObject({
      code: 0,
    });
    stop.abort();
    await sending;
    expect(statSync(join(folder, 'fieldpost.sqlite')).mode & 0o077).toBe(0);
    await using copy = await startGatewayProcess({ dataDir: folder });
    const response = await fetch(`${copy.url}/v1/queues/orders`, {
      headers: { authorization: `Bearer ${await copy.token()}` },
    });
    const { ready } = (await response.json()) as { ready: number };
    expect(ready).toBeGreaterThanOrEqual(before);
    expect(ready % 50).toBe(0);
  });

  test('copies the store when no gateway runs, also behind a kill; never over a file that is there', async () => {
    await using gateway = await startGatewayProcess();
    await putQueue(gateway, 'orders', await gateway.token());
    await gateway.kill9();
    const flags = ['backup', 'copy.sqlite', '--data-dir', gateway.dataDir];
    expect(await run(flags)).toMatchObject({ code: 0 });
    expect(await run(flags)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/conflict: .*copy\.sqlite exists/),
    });
    await gateway.restart();
    expect(await run(flags)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/conflict: .*copy\.sqlite exists/),
    });
  });

  test('says that there is no store, and makes none', async () => {
    expect(await run(['backup', 'copy.sqlite'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/not-found: no store/),
    });
  });
});

test('a stop answers requests under way, ends waiting ones, and then takes no more', async () => {
  await using gateway = await startGatewayProcess();
  const token = await gateway.token();
  await putQueue(gateway, 'orders', token);
  const poll = request(`${gateway.url}/v1/queues/orders/receive`, { method: 'POST', headers: json(token) });
  const answer = once(poll, 'response');
  poll.end('{"waitMs":50000}');
  await once(poll, 'finish');
  // A round trip behind the written request: the gateway has that one by now.
  expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200);
  expect(await gateway.stop()).toBe(0);
  const [response] = (await answer) as [IncomingMessage];
  expect(response.statusCode).toBe(200);
  expect(JSON.parse(await text(response))).toEqual({ messages: [] });
  await expect(post(gateway, token, { body: 1 })).rejects.toThrow();
});

function json(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
}

async function putQueue(gateway: GatewayProcess, name: string, token: string): Promise<number> {
  const response = await fetch(`${gateway.url}/v1/queues/${name}`, {
    method: 'PUT',
    headers: json(token),
    body: '{}',
  });
  await response.arrayBuffer();
  return response.status;
}

async function post(gateway: GatewayProcess, token: string, body: unknown): Promise<void> {
  const init = { method: 'POST', headers: json(token), body: JSON.stringify(body) };
  const response = await fetch(`${gateway.url}/v1/queues/orders/messages`, init);
  if (response.status !== 200) throw new Error(await response.text());
  await response.arrayBuffer();
}

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command line to its end, in the test's folder. */
async function run(
  parameters: readonly string[],
  environment: Record<string, string> = {},
): Promise<Outcome> {
  const child = start(parameters, environment);
  const [stdout, stderr, [code]] = await Promise.all([
    text(outputOf(child, 'stdout')),
    text(outputOf(child, 'stderr')),
    once(child, 'exit'),
  ]);
  return { code: typeof code === 'number' ? code : null, stdout, stderr };
}

function start(parameters: readonly string[], environment: Record<string, string> = {}): ChildProcess {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('FIELDPOST_'));
  return spawn(process.execPath, ['--conditions=@fieldpost/source', MAIN, ...parameters], {
    cwd: folder,
    env: { ...Object.fromEntries(inherited), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 20_000,
  });
}

/** What a stream has said once it matches. */
async function until(child: ChildProcess, stream: 'stdout' | 'stderr', pattern: RegExp): Promise<string> {
  let said = '';
  for await (const chunk of outputOf(child, stream).iterator({ destroyOnReturn: false })) {
    said += String(chunk);
    if (pattern.test(said)) return said;
  }
  throw new Error(`ended without ${pattern}: ${said}`);
}

function outputOf(child: ChildProcess, stream: 'stdout' | 'stderr'): Readable {
  const output = child[stream];
  if (output === null) throw new TypeError(`${stream} is no pipe`);
  return output;
}
