import { fileURLToPath } from 'node:url';
import type { Rng } from '@fieldpost/protocol';
import { type GatewayProcess, startGatewayProcess } from '../../support/gateway-process.ts';
import { bundle, type PageServer, startPageServer } from '../../support/page-server.ts';
import { Tablet, type TabletOptions } from './tablet.ts';

const PAGE = fileURLToPath(new URL('load-page.ts', import.meta.url));

/** A real gateway and an origin with the page: what all tablets share. */
export class TabletStage {
  readonly gateway: GatewayProcess;
  readonly server: PageServer;
  readonly token: string;

  private constructor(gateway: GatewayProcess, server: PageServer, token: string) {
    this.gateway = gateway;
    this.server = server;
    this.token = token;
  }

  static async start(): Promise<TabletStage> {
    const gateway = await startGatewayProcess();
    const server = await startPageServer(await bundle(PAGE));
    return new TabletStage(gateway, server, await gateway.token());
  }

  tablet(rng: Rng, options: TabletOptions = {}): Promise<Tablet> {
    return Tablet.start(this, rng, options);
  }

  /** Bodies of a queue, in its order. */
  async bodiesIn(queue: string): Promise<readonly unknown[]> {
    const bodies: unknown[] = [];
    for (let cursor = ''; ;) {
      const query = `limit=256&bodies=auto${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`;
      const response = await fetch(`${this.gateway.url}/v1/queues/${queue}/messages?${query}`, {
        headers: { authorization: `Bearer ${this.token}` },
      });
      if (response.status === 404) return bodies;
      const answer: unknown = await response.json();
      const messages: unknown = Reflect.get(Object(answer), 'messages');
      if (!Array.isArray(messages)) throw new Error(`no messages: ${JSON.stringify(answer)}`);
      for (const message of messages) bodies.push(Reflect.get(Object(message), 'body'));
      const next: unknown = Reflect.get(Object(answer), 'cursor');
      if (typeof next !== 'string') return bodies;
      cursor = next;
    }
  }

  async stop(): Promise<void> {
    await this.server.stop();
    await this.gateway.dispose();
  }
}
