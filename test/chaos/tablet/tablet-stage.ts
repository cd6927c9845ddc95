import { fileURLToPath } from 'node:url';
import type { Rng } from '@fieldpost/protocol';
import { bodiesInQueue } from '../../support/bodies-in-queue.ts';
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
  bodiesIn(queue: string): Promise<readonly unknown[]> {
    return bodiesInQueue(this.gateway, this.token, queue);
  }

  async stop(): Promise<void> {
    await this.server.stop();
    await this.gateway.dispose();
  }
}
