import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ensureSite } from '../packages/demo-app/build/ensure-site.ts';
import { checkPort } from './start/check-port.ts';
import { type Child, startChild } from './start/child.ts';
import { openDataFolder, resetDataFolder } from './start/data-folder.ts';
import { StartFailure } from './start/start-failure.ts';

// `npm start`: a gateway with its store in `.fieldpost/`, and the demo with its back office, until Ctrl-C.

const usage = `npm start [-- options]

  --reset               clear the data folder first: queues, messages, bookings
  --port <number>       the gateway's port (4100)
  --demo-port <number>  the demo's port (4101)
  --data-dir <folder>   where the data is kept (.fieldpost)
  --help                show this
`;

const repository = join(import.meta.dirname, '..');
const readyWithinMs = 20_000;
const readyLookEveryMs = 50;
const callTimeoutMs = 2_000;
const stopWithinMs = 15_000;

interface Settings {
  readonly reset: boolean;
  readonly port: number;
  readonly demoPort: number;
  readonly dataDir: string;
}

const children: Child[] = [];
const stopping = new AbortController();

try {
  const settings = readSettings();
  if (settings !== undefined) await run(settings);
} catch (error) {
  console.error(`npm start: ${error instanceof StartFailure ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  // The demo's server first: it may be booking an order that the gateway has yet to be told about.
  for (const child of children.toReversed()) await child.stop(stopWithinMs);
}

async function run(settings: Settings): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopping.abort());
  await checkPort(settings.port, 'the gateway');
  await checkPort(settings.demoPort, 'the demo');
  if (settings.reset) resetDataFolder(settings.dataDir);
  openDataFolder(settings.dataDir);

  console.log('Looking at the demo’s pages …');
  const startedAt = performance.now();
  const { built } = await ensureSite();
  if (built) console.log(`Built them in ${((performance.now() - startedAt) / 1000).toFixed(1)} s.`);

  const gateway = `http://127.0.0.1:${settings.port}`;
  const demo = `http://127.0.0.1:${settings.demoPort}`;
  await startServer(startGateway(settings), `${gateway}/readyz`);
  await startServer(startDemo(settings, gateway), `${demo}/api/settings`);
  if (stopping.signal.aborted) return;

  console.log(welcome({ gateway, demo, dataDir: settings.dataDir, reset: settings.reset }));
  await Promise.race([aborted(), ...children.map(failWhenEnded)]);
  console.log('\nStopping …');
}

function readSettings(): Settings | undefined {
  const { values } = parse();
  if (values.help === true) {
    console.log(usage);
    return undefined;
  }
  return {
    reset: values.reset ?? false,
    port: portOf('port', values.port),
    demoPort: portOf('demo-port', values['demo-port']),
    dataDir: resolve(values['data-dir']),
  };
}

function parse() {
  try {
    return parseArgs({
      options: {
        reset: { type: 'boolean' },
        port: { type: 'string', default: '4100' },
        'demo-port': { type: 'string', default: '4101' },
        'data-dir': { type: 'string', default: '.fieldpost' },
        help: { type: 'boolean' },
      },
    });
  } catch (error) {
    throw new StartFailure(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  }
}

function portOf(name: string, text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw new StartFailure(`--${name} is ${JSON.stringify(text)}: it must be a number from 1 to 65535`);
}

function startGateway({ port, dataDir }: Settings): Child {
  return startChild({
    name: 'gateway',
    script: join(repository, 'packages/gateway/src/main.ts'),
    args: ['--port', String(port), '--data-dir', dataDir],
    // In the data folder there is no configuration file: the demo needs a gateway in development mode, whatever is set here.
    cwd: dataDir,
    env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FIELDPOST_'))),
    logFile: join(dataDir, 'gateway.log'),
  });
}

function startDemo({ demoPort, dataDir }: Settings, gateway: string): Child {
  return startChild({
    name: 'demo server',
    script: join(repository, 'packages/demo-app/server/main.ts'),
    args: ['--port', String(demoPort), '--gateway', gateway, '--data-dir', dataDir],
    cwd: repository,
    env: process.env,
    onError: (text) => process.stderr.write(text),
  });
}

/** Waits until the server answers; fails when it ends first, or takes too long. */
async function startServer(child: Child, url: string): Promise<void> {
  children.push(child);
  const deadline = performance.now() + readyWithinMs;
  const failed = failWhenEnded(child);
  // Watched again once everything runs; a server that ends in between is no unhandled fault.
  failed.catch(() => undefined);
  while (!stopping.signal.aborted) {
    if (await Promise.race([answers(url), failed])) return;
    if (performance.now() > deadline)
      throw new StartFailure(`the ${child.name} did not answer at ${url} within ${readyWithinMs / 1000} s`);
    await delay(readyLookEveryMs);
  }
}

/** Whether it answered well; it did not when it is not there yet. */
async function answers(url: string): Promise<boolean> {
  try {
    const { ok } = await fetch(url, { signal: AbortSignal.timeout(callTimeoutMs) });
    return ok;
  } catch {
    return false;
  }
}

/** Rejects when the server ends. */
async function failWhenEnded({ name, ended }: Child): Promise<never> {
  const { code, lastWords } = await ended;
  throw new StartFailure(`the ${name} ended with code ${code}${lastWords === '' ? '' : `:\n${lastWords}`}`);
}

function aborted(): Promise<void> {
  return new Promise((done) => {
    if (stopping.signal.aborted) done();
    stopping.signal.addEventListener('abort', () => done(), { once: true });
  });
}

function welcome(at: {
  readonly gateway: string;
  readonly demo: string;
  readonly dataDir: string;
  readonly reset: boolean;
}): string {
  return `
Fieldpost is running.${at.reset ? ' Its data was cleared; orders kept in a browser are still there.' : ''}

  Demo app      ${at.demo}/
  Back office   ${at.demo}/office
  Gateway       ${at.gateway}
  API           ${at.gateway}/docs

Data is kept in ${at.dataDir}. Ctrl-C stops; "npm start" goes on where it ended.
`;
}
