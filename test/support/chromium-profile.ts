import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Browser, type BrowserContext, type CDPSession, chromium, type Page } from 'playwright-core';
import { spawnChromium } from './browsers/spawn-chromium.ts';

const STARTS_WITHIN_MS = 30_000;
const CLOSES_WITHIN_MS = 15_000;

/**
 * A Chromium with a profile on disk that outlives it: closed, killed, started again, copied. Its processes are a group
 * of their own, so that a kill takes all of them, as an empty battery does.
 */
export class ChromiumProfile {
  /** Chromium's user data. */
  readonly folder: string;
  /** Of its processes, from the next start on. */
  environment: NodeJS.ProcessEnv = process.env;
  #process: ChildProcess | undefined;
  #browser: Browser | undefined;

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'fieldpost-profile-'));
  }

  async start(): Promise<this> {
    const browser = spawnChromium(this.folder, 'about:blank', this.environment);
    this.#process = browser;
    const lines = createInterface({ input: browser.stderr });
    const listening = new Promise<string>((resolve, reject) => {
      lines.on('line', (line) => {
        const url = /DevTools listening on (ws:\S+)/.exec(line)?.[1];
        if (url !== undefined) resolve(url);
      });
      browser.once('exit', (code, signal) => reject(new Error(`Chromium ended with ${code ?? signal}`)));
      AbortSignal.timeout(STARTS_WITHIN_MS).addEventListener('abort', () =>
        reject(new Error(`Chromium did not start within ${STARTS_WITHIN_MS} ms`)),
      );
    });
    this.#browser = await chromium.connectOverCDP(await listening);
    return this;
  }

  /** A tab in this profile. */
  newPage(): Promise<Page> {
    return this.#context().newPage();
  }

  /** DevTools of one tab. */
  devTools(page: Page): Promise<CDPSession> {
    return this.#context().newCDPSession(page);
  }

  /** As a person closes it: what is in memory is written first. */
  async close(): Promise<void> {
    const process = this.#process;
    const browser = this.#browser;
    this.#process = undefined;
    if (process === undefined || browser === undefined) return;
    const exited = once(process, 'exit', { signal: AbortSignal.timeout(CLOSES_WITHIN_MS) });
    const session = await browser.newBrowserCDPSession();
    await Promise.allSettled([session.send('Browser.close')]);
    await exited;
  }

  /** SIGKILL to all its processes. */
  async kill(): Promise<void> {
    const browser = this.#process;
    this.#process = undefined;
    if (browser?.pid === undefined || browser.exitCode !== null || browser.signalCode !== null) return;
    const exited = once(browser, 'exit');
    process.kill(-browser.pid, 'SIGKILL');
    await exited;
  }

  /** Copies a profile that is not running, as a backup or a clone. */
  copy(): ChromiumProfile {
    const copy = new ChromiumProfile();
    cpSync(this.folder, copy.folder, { recursive: true, filter: isNoLock });
    return copy;
  }

  /** Makes this profile, which is not running, what the other one is. */
  restore(from: ChromiumProfile): void {
    rmSync(this.folder, { recursive: true, force: true });
    cpSync(from.folder, this.folder, { recursive: true, filter: isNoLock });
  }

  async dispose(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  #context(): BrowserContext {
    const context = this.#browser?.contexts()[0];
    if (context === undefined) throw new Error('this browser is not running');
    return context;
  }
}

/** The lock of a running browser names its process: a copy must not have it. */
function isNoLock(path: string): boolean {
  return !/Singleton(?:Lock|Cookie|Socket)$/.test(path);
}
