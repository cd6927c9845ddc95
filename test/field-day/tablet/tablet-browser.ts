import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { spawnChromium } from '../../support/browsers/spawn-chromium.ts';
import { bounded } from '../bounded.ts';

const startsWithinMs = 30_000;
const answersWithinMs = 10_000;

/**
 * A Chromium with a profile of its own, in a process group of its own: a SIGKILL to the group is what an empty battery
 * is. Profile and all that was durable in it are there at the next start.
 */
export class TabletBrowser {
  readonly #profile: string;
  readonly #url: string;
  readonly #log: WriteStream;
  #process: ChildProcess | undefined;
  #isDisposed = false;
  #debuggerPort = '';

  constructor(options: { readonly profile: string; readonly url: string; readonly log: string }) {
    this.#profile = options.profile;
    this.#url = options.url;
    this.#log = createWriteStream(options.log, { flags: 'a' });
  }

  /** Starts it with the tablet's page. */
  async start(): Promise<void> {
    if (this.#isDisposed) throw new Error('the day is over');
    // A killed browser does not tidy up: what it leaves goes with the data of the day.
    const browser = spawnChromium(this.#profile, this.#url, {
      ...process.env,
      TMPDIR: dirname(this.#profile),
    });
    this.#process = browser;
    const listening = new Promise<string>((resolve, reject) => {
      createInterface({ input: browser.stderr }).on('line', (line) => {
        if (!this.#log.writableEnded) this.#log.write(`${line}\n`);
        const port = /DevTools listening on ws:\/\/127\.0\.0\.1:(\d+)\//.exec(line)?.[1];
        if (port !== undefined) resolve(port);
      });
      browser.once('error', reject);
      browser.once('exit', (code, signal) =>
        reject(new Error(`Chromium ended with ${signal ?? code} at its start`)),
      );
    });
    this.#debuggerPort = await bounded(listening, startsWithinMs, 'Chromium starts');
  }

  /** Loads the page again, as a person would. */
  async reload(): Promise<void> {
    await bounded(this.#command('Page.reload'), answersWithinMs, 'the page is loaded again');
  }

  /** Tells the page what a browser tells when the tablet has a network again. */
  async announceNetwork(): Promise<void> {
    const expression = "window.dispatchEvent(new Event('online'))";
    await bounded(
      this.#command('Runtime.evaluate', { expression }),
      answersWithinMs,
      'the page hears of the network',
    );
  }

  /** SIGKILL to all of it. Resolves when it is gone. */
  async kill(): Promise<void> {
    const browser = this.#process;
    this.#process = undefined;
    if (browser?.pid === undefined || browser.exitCode !== null || browser.signalCode !== null) return;
    const gone = once(browser, 'exit');
    killGroup(browser.pid);
    await gone;
  }

  /** As {@link kill}, for a process that is about to exit itself. */
  killNow(): void {
    const browser = this.#process;
    if (browser?.pid !== undefined && browser.exitCode === null && browser.signalCode === null)
      killGroup(browser.pid);
  }

  async dispose(): Promise<void> {
    this.#isDisposed = true;
    await this.kill();
    this.#log.end();
  }

  async #command(method: string, params: Readonly<Record<string, string>> = {}): Promise<void> {
    const answer = await fetch(`http://127.0.0.1:${this.#debuggerPort}/json/list`);
    const socket = new WebSocket(debuggerOf(await answer.json(), this.#url));
    try {
      await new Promise((resolve, reject) => {
        socket.onopen = () => socket.send(JSON.stringify({ id: 1, method, params }));
        socket.onmessage = resolve;
        socket.onerror = () => reject(new Error(`${method} could not be sent`));
      });
    } finally {
      socket.close();
    }
  }
}

/** The browser leads its group, so all it started goes with it. */
function killGroup(leader: number): void {
  process.kill(-leader, 'SIGKILL');
}

function debuggerOf(targets: unknown, url: string): string {
  const list: readonly unknown[] = Array.isArray(targets) ? targets : [];
  for (const target of list) {
    if (typeof target !== 'object' || target === null) continue;
    if (!('url' in target) || typeof target.url !== 'string' || !target.url.startsWith(url)) continue;
    if ('webSocketDebuggerUrl' in target && typeof target.webSocketDebuggerUrl === 'string')
      return target.webSocketDebuggerUrl;
  }
  throw new Error(`no page of ${url} is open: ${JSON.stringify(targets)}`);
}
