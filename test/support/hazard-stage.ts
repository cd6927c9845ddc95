import { fileURLToPath } from 'node:url';
import type { StatusSnapshot } from '@fieldpost/sdk';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import type {} from '../browser/pages/tablet-page.ts';
import { bodiesInQueue } from './bodies-in-queue.ts';
import { ChromiumProfile } from './chromium-profile.ts';
import { type GatewayProcess, startGatewayProcess } from './gateway-process.ts';
import { bundle, type PageServer, startPageServer } from './page-server.ts';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';
import { until } from './until.ts';

const PAGE = fileURLToPath(new URL('../browser/pages/tablet-page.ts', import.meta.url));
const DELIVERED_WITHIN_MS = 40_000;

/** How a tab connects. */
export interface TabOptions {
  readonly transport?: 'socket' | 'http';
  /** Default: through the proxy. */
  readonly gateway?: string;
}

/** A real gateway behind a proxy, an origin with the SDK's page, and profiles for tablets. */
export class HazardStage {
  readonly gateway: GatewayProcess;
  readonly proxy: TcpProxy;
  readonly server: PageServer;
  readonly token: string;
  readonly #profiles: ChromiumProfile[] = [];

  private constructor(gateway: GatewayProcess, proxy: TcpProxy, server: PageServer, token: string) {
    this.gateway = gateway;
    this.proxy = proxy;
    this.server = server;
    this.token = token;
  }

  static async start(): Promise<HazardStage> {
    const gateway = await startGatewayProcess();
    const proxy = await startTcpProxy({ target: () => ({ host: '127.0.0.1', port: gateway.port }) });
    const server = await startPageServer(await bundle(PAGE));
    return new HazardStage(gateway, proxy, server, await gateway.token());
  }

  async stop(): Promise<void> {
    await this.clear();
    await this.server.stop();
    await this.proxy.close();
    await this.gateway.dispose();
  }

  /** Removes the profiles, and lets everything through again. */
  async clear(): Promise<void> {
    for (const profile of this.#profiles.splice(0)) await profile.dispose();
    this.proxy.setMode({ kind: 'pass' });
  }

  /** A new tablet. */
  async tablet(): Promise<ChromiumProfile> {
    return this.keep(new ChromiumProfile()).start();
  }

  /** Has a profile removed at the end of the test. */
  keep(profile: ChromiumProfile): ChromiumProfile {
    this.#profiles.push(profile);
    return profile;
  }

  /** No way to the gateway, for connections that are open, too. */
  goOffline(): void {
    this.proxy.setMode({ kind: 'refuse' });
    this.proxy.cut();
  }

  goOnline(): void {
    this.proxy.setMode({ kind: 'pass' });
  }

  /**
   * Lets some bytes go up to the gateway, then holds everything in both directions. Resolves with how many messages of the
   * queue the gateway has then.
   */
  async drainPartly(queue: string, bytes: number): Promise<number> {
    const from = this.proxy.counters.bytesUp;
    this.proxy.setMode({ kind: 'pass' });
    await until(() => this.proxy.counters.bytesUp > from + bytes, {
      withinMs: DELIVERED_WITHIN_MS,
      what: 'it drains',
    });
    this.proxy.setMode({ kind: 'stall' });
    return (await this.bodiesAt(queue)).length;
  }

  /** A tab with the page, not yet connected. */
  async tab(tablet: ChromiumProfile): Promise<Page> {
    const page = await tablet.newPage();
    await page.goto(this.server.origin);
    await page.waitForFunction('globalThis.tablet');
    return page;
  }

  /** A tab that is connected. */
  async connectedTab(tablet: ChromiumProfile, options: TabOptions = {}): Promise<Page> {
    const page = await this.tab(tablet);
    await this.connect(page, options);
    return page;
  }

  async connect(page: Page, options: TabOptions = {}): Promise<void> {
    const { transport = 'socket', gateway = `http://127.0.0.1:${this.proxy.port}` } = options;
    await page.evaluate(
      async (settings) => {
        const { token, ...rest } = settings;
        globalThis.tablet.post = await globalThis.tablet.connect({ ...rest, token: () => token });
      },
      { transport, gateway, token: this.token },
    );
  }

  /** Bodies of a queue at the gateway, in its order. */
  bodiesAt(queue: string): Promise<readonly unknown[]> {
    return bodiesInQueue(this.gateway, this.token, queue);
  }

  /** Waits until so many are at the gateway, and a little more could not hide: then all of them are compared. */
  async expectDelivered(
    queue: string,
    wanted: readonly unknown[],
    order: 'in order' | 'in any order',
  ): Promise<void> {
    await until(async () => (await this.bodiesAt(queue)).length >= wanted.length, {
      withinMs: DELIVERED_WITHIN_MS,
      what: `${wanted.length} messages are in ${queue}`,
    });
    const bodies = await this.bodiesAt(queue);
    if (order === 'in order') expect(bodies).toEqual(wanted);
    else expect(sorted(bodies)).toEqual(sorted(wanted));
  }
}

/** Sends numbered bodies one call after the other, awaiting them together. */
export function send(page: Page, queue: string, bodies: readonly unknown[]): Promise<readonly string[]> {
  return page.evaluate(
    async ([name, all]) => {
      const { post } = globalThis.tablet;
      if (post === undefined) throw new Error('not connected');
      const sent = await Promise.all(all.map((body) => post.queue(name).send(body)));
      return sent.map(({ id }) => String(id));
    },
    [queue, bodies] as const,
  );
}

export function statusOf(page: Page): Promise<StatusSnapshot> {
  return page.evaluate(() => {
    const { post } = globalThis.tablet;
    if (post === undefined) throw new Error('not connected');
    return post.status.get();
  });
}

/** Waits until a tab's status is so. */
export async function untilStatus(
  page: Page,
  what: string,
  fact: (status: StatusSnapshot) => boolean,
): Promise<void> {
  let last: StatusSnapshot | undefined;
  try {
    await until(
      async () => {
        last = await statusOf(page);
        return fact(last);
      },
      { withinMs: DELIVERED_WITHIN_MS, what },
    );
  } catch (error) {
    throw new Error(`${what}: the last status was ${JSON.stringify(last)}`, { cause: error });
  }
}

export function numbered(prefix: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
}

function sorted(bodies: readonly unknown[]): readonly string[] {
  return bodies.map((body) => JSON.stringify(body)).sort();
}
