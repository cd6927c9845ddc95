import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync } from 'node:fs';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { type Engine, programPath } from './engine.ts';

const startTimeoutMs = 20_000;

/** WebKitGTK's MiniBrowser, by WebDriver, on a display of its own. */
export const webkitEngine: Engine = {
  name: 'webkit',
  start: async () => {
    const display = await startDisplay();
    const port = await freePort();
    const driver = spawn(programPath('WebKitWebDriver'), [`--port=${port}`], {
      env: { ...process.env, DISPLAY: display.name, WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1' },
      stdio: 'ignore',
    });
    const base = `http://127.0.0.1:${port}`;
    try {
      const session = await startSession(base, driver);
      return {
        open: async (url) => {
          await call(`${base}/session/${session}/url`, { url });
        },
        stop: async () => {
          await fetch(`${base}/session/${session}`, { method: 'DELETE' });
          await stop(driver);
          await stop(display.process);
        },
      };
    } catch (error) {
      await stop(driver);
      await stop(display.process);
      throw error;
    }
  },
};

/** A display in memory; it chooses its number itself and tells it. */
async function startDisplay(): Promise<{ readonly process: ChildProcess; readonly name: string }> {
  const server = spawn(
    programPath('Xvfb'),
    ['-displayfd', '1', '-screen', '0', '1280x800x24', '-nolisten', 'tcp'],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const lines = createInterface({ input: server.stdout });
  const line: unknown[] = await once(lines, 'line', { signal: AbortSignal.timeout(startTimeoutMs) });
  return { process: server, name: `:${String(line[0])}` };
}

async function startSession(base: string, driver: ChildProcess): Promise<string> {
  const capabilities = {
    alwaysMatch: {
      'webkitgtk:browserOptions': { binary: miniBrowserPath(), args: ['--automation'] },
    },
  };
  const giveUpAt = performance.now() + startTimeoutMs;
  for (;;) {
    if (driver.exitCode !== null) throw new Error(`WebKitWebDriver ended with ${driver.exitCode}`);
    try {
      const answer = await call(`${base}/session`, { capabilities });
      if (typeof answer['sessionId'] === 'string') return answer['sessionId'];
      throw new Error(`no session: ${JSON.stringify(answer)}`);
    } catch (error) {
      // The driver does not tell when it listens: until then connections are refused.
      if (!(error instanceof TypeError) || performance.now() > giveUpAt) throw error;
    }
  }
}

async function call(url: string, body: unknown): Promise<Record<string, unknown>> {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
  const answer: unknown = await response.json();
  const value = typeof answer === 'object' && answer !== null && 'value' in answer ? answer.value : undefined;
  if (!response.ok) throw new Error(`WebDriver answered ${response.status}: ${JSON.stringify(value)}`);
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function miniBrowserPath(): string {
  const [path] = globSync('/usr/lib/*/webkit2gtk-4.*/MiniBrowser').filter((found) => existsSync(found));
  if (path === undefined) throw new Error('MiniBrowser is not installed: run npm run setup');
  return path;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill();
  await exited;
}
