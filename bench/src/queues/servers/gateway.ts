import { freePort, startGateway } from '../../contestants/fieldpost/gateway.ts';
import { ours, type QueueContestant } from '../queue-contestant.ts';

/** The gateway with its default settings. */
export const gatewayQueue: QueueContestant = {
  name: ours,
  how: "POSTs of many; the consumer library's concurrency; each acknowledgement awaited",
  durability: 'flushed',
  packages: [],
  async start(folder) {
    const gateway = await startGateway(folder, await freePort());
    return {
      target: { kind: 'fieldpost', url: gateway.url, token: await gateway.token() },
      stop: async () => gateway.stop(),
    };
  },
};
