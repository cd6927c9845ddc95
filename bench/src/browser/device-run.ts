import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import { startTcpProxy, type TcpProxy } from '../../../test/support/tcp-proxy.ts';
import type { LinkConditions } from '../../../test/support/tcp-proxy/link.ts';
import type { Contestant, ContestantServer, ServerAddress } from '../contestants/contestant.ts';
import { launchChromium } from './chromium.ts';
import type { DeviceGlobal, DeviceSettings } from './device.ts';

/** One run of a contestant: a server on an empty folder, a browser with a new profile, one page. */
export interface DeviceRun {
  readonly contestant: Contestant;
  readonly page: Page;
  readonly context: BrowserContext;
  saveOneByOne(first: number, count: number): Promise<number>;
  saveAll(first: number, count: number): Promise<number>;
  /** Loads the page anew, so that nothing is left in memory, and lets the server be reached. */
  comeOnline(): Promise<void>;
  drain(): Promise<number>;
  /** Bytes between browser and server so far; only with a proxy. */
  bytes(): { readonly up: number; readonly down: number };
  /** Fails unless the server holds exactly `count` different orders and the device holds none. */
  checkDelivered(count: number): Promise<void>;
  stop(): Promise<void>;
}

export interface DeviceRunOptions {
  readonly folder: string;
  readonly seed: number;
  /** Puts a proxy between browser and server, which counts bytes and may be slow. */
  readonly proxy?: LinkConditions;
}

/** Starts everything and opens the device, offline. */
export async function startDeviceRun(contestant: Contestant, options: DeviceRunOptions): Promise<DeviceRun> {
  const profile = join(options.folder, 'profile');
  const data = join(options.folder, 'server');
  mkdirSync(data, { recursive: true });
  const parts = await startParts(contestant, options, { profile, data });
  const run = new ChromiumRun(contestant, parts);
  try {
    await run.open();
  } catch (error) {
    await run.stop();
    throw error;
  }
  return run;
}

async function startParts(
  contestant: Contestant,
  options: DeviceRunOptions,
  folders: { readonly profile: string; readonly data: string },
): Promise<Parts> {
  const server = await contestant.startServer(folders.data);
  const target = () => ({ host: '127.0.0.1', port: server.port });
  const proxy = options.proxy && (await startTcpProxy({ ...options.proxy, target }));
  try {
    return { server, proxy, context: await launchChromium(folders.profile), seed: options.seed };
  } catch (error) {
    await proxy?.close();
    await server.stop();
    throw error;
  }
}

interface Parts {
  readonly server: ContestantServer;
  readonly proxy: TcpProxy | undefined;
  readonly context: BrowserContext;
  readonly seed: number;
}

class ChromiumRun implements DeviceRun {
  readonly contestant: Contestant;
  readonly context: BrowserContext;
  readonly #parts: Parts;
  #page: Page | undefined;

  constructor(contestant: Contestant, parts: Parts) {
    this.contestant = contestant;
    this.context = parts.context;
    this.#parts = parts;
  }

  /** Made anew at each use: a token exists only when the server is there. */
  get #address(): ServerAddress {
    const { server, proxy } = this.#parts;
    return server.address(proxy?.port ?? server.port);
  }

  get #settings(): DeviceSettings {
    const { server, token } = this.#address;
    const { device: durability, batch } = this.contestant;
    return { seed: this.#parts.seed, server, token, durability, batch };
  }

  get page(): Page {
    if (this.#page === undefined) throw new Error('the page is not open');
    return this.#page;
  }

  async open(): Promise<void> {
    this.#page = this.context.pages()[0] ?? (await this.context.newPage());
    await this.page.goto(this.#address.pageUrl);
    await this.page.evaluate(
      async (settings) => (globalThis as unknown as DeviceGlobal).device.open(settings),
      this.#settings,
    );
  }

  async saveOneByOne(first: number, count: number): Promise<number> {
    return this.page.evaluate(
      async ([from, many]) => (globalThis as unknown as DeviceGlobal).device.saveOneByOne(from, many),
      [first, count] as const,
    );
  }

  async saveAll(first: number, count: number): Promise<number> {
    return this.page.evaluate(
      async ([from, many]) => (globalThis as unknown as DeviceGlobal).device.saveAll(from, many),
      [first, count] as const,
    );
  }

  async comeOnline(): Promise<void> {
    await this.page.evaluate(async () => (globalThis as unknown as DeviceGlobal).device.close());
    await this.page.goto('about:blank');
    await this.#parts.server.comeOnline();
    await this.page.goto(this.#address.pageUrl);
  }

  async drain(): Promise<number> {
    return this.page.evaluate(
      async (settings) => (globalThis as unknown as DeviceGlobal).device.drain(settings),
      this.#settings,
    );
  }

  bytes(): { readonly up: number; readonly down: number } {
    const { proxy } = this.#parts;
    if (proxy === undefined) throw new Error('bytes are counted by the proxy, and there is none');
    return { up: proxy.counters.bytesUp, down: proxy.counters.bytesDown };
  }

  async checkDelivered(count: number): Promise<void> {
    const waiting = await this.page.evaluate(async () =>
      (globalThis as unknown as DeviceGlobal).device.waiting(),
    );
    const { messages, distinctIds } = await this.#parts.server.stored();
    if (waiting === 0 && messages === count && distinctIds === count) return;
    throw new Error(
      `${this.contestant.name}: of ${count} orders the server has ${messages}, ${distinctIds} of them different, ` +
        `and ${waiting} wait on the device`,
    );
  }

  async stop(): Promise<void> {
    await this.context.close();
    await this.#parts.proxy?.close();
    await this.#parts.server.stop();
  }
}
