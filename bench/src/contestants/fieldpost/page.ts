import { connect, type Fieldpost, type Queue } from '@fieldpost/sdk';
import { type DeviceSettings, offerDevice } from '../../browser/device.ts';
import { makeOrders, type Order } from '../../orders.ts';

// The SDK as an app uses it.

let post: Fieldpost;
let orders: Queue<Order>;
let settings: DeviceSettings;

offerDevice({
  async open(given) {
    settings = given;
    post = await connect({ gateway: given.server, token: () => given.token });
    orders = post.queue<Order>('orders');
  },

  async saveOneByOne(first, count) {
    const bodies = makeOrders(settings.seed, count, first);
    const startedAt = performance.now();
    for (const body of bodies) await orders.send(body);
    return performance.now() - startedAt;
  },

  async saveAll(first, count) {
    const bodies = makeOrders(settings.seed, count, first);
    const startedAt = performance.now();
    await Promise.all(bodies.map((body) => orders.send(body)));
    return performance.now() - startedAt;
  },

  async drain(given) {
    const startedAt = performance.now();
    await this.open(given);
    await delivered();
    return performance.now() - startedAt;
  },

  waiting: async () => post.status.get().pending,

  close: async () => post.close(),
});

/** Resolves when nothing waits any more: a gateway has acknowledged the last message, and the outbox has noted it. */
async function delivered(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = post.status.subscribe(({ pending }) => {
    if (pending === 0) resolve();
  });
  await promise;
  stop();
}
