import { join } from 'node:path';
import { bundlePage } from '../../browser/bundle.ts';
import { queue } from '../../load/fieldpost-device.ts';
import { startPageServer } from '../../servers/peer-server.ts';
import type { Contestant } from '../contestant.ts';
import type { IntakeContestant, IntakeServer } from '../intake-contestant.ts';
import { allFeatures } from './all-features.ts';
import { freePort, type GatewayProcess, startGateway } from './gateway.ts';

export interface FieldpostOptions {
  /** Options of Node for the gateway's process: for profiles. */
  readonly gatewayNodeOptions?: readonly string[];
  /** Hears of the gateway when it is there. */
  readonly onGateway?: (gateway: GatewayProcess) => void;
}

/** The SDK in the page, the gateway in a process of its own. */
export function fieldpost(options: FieldpostOptions = {}): Contestant {
  let pageFolder = '';
  return {
    name: 'Fieldpost',
    what: 'the SDK in the page, socket.io to the gateway',
    device: 'strict',
    server: 'FULL',
    batch: 0,
    async prepare(folder) {
      pageFolder = join(folder, 'fieldpost');
      await bundlePage({ page: join(import.meta.dirname, 'page.ts') }, pageFolder);
    },
    async startServer(folder) {
      const page = await startPageServer(pageFolder);
      const port = await freePort();
      let gateway: GatewayProcess | undefined;
      let token = '';
      return {
        port,
        address: (publicPort) => ({
          pageUrl: `http://127.0.0.1:${page.port}/`,
          server: `http://127.0.0.1:${publicPort}`,
          token,
        }),
        async comeOnline() {
          gateway = await startGateway(folder, port, options.gatewayNodeOptions);
          token = await gateway.token();
          options.onGateway?.(gateway);
        },
        async stored() {
          if (gateway === undefined) throw new Error('the gateway was never started');
          return gateway.stored();
        },
        async stop() {
          page.close();
          await gateway?.stop();
        },
      };
    },
  };
}

/** The gateway alone. */
export const gatewayIntake: IntakeContestant = {
  name: 'Fieldpost',
  what: 'the gateway, devices that speak its protocol over socket.io',
  server: 'FULL',
  start: async (folder) => serve(await startGateway(folder, await freePort())),
};

/** The gateway alone, with everything that a queue can do asked of it. */
export const gatewayIntakeAllFeatures: IntakeContestant = {
  name: 'Fieldpost, all features',
  what: 'the same; messages with every property, to a queue with quotas, a JSON Schema, a journal and rules',
  server: 'FULL',
  async start(folder) {
    const gateway = await startGateway(folder, await freePort());
    try {
      for (const { to } of allFeatures.rules) await gateway.makeQueue(to, {});
      await gateway.makeQueue(queue, allFeatures);
      const server = await serve(gateway);
      return { ...server, target: { ...server.target, hasProperties: true } };
    } catch (error) {
      await gateway.stop();
      throw error;
    }
  },
};

async function serve(gateway: GatewayProcess): Promise<IntakeServer> {
  return {
    target: { kind: 'fieldpost', url: gateway.url, token: await gateway.token() },
    stored: async () => gateway.count(),
    stop: async () => gateway.stop(),
  };
}
