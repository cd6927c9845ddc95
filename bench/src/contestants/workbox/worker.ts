import { Queue } from 'workbox-background-sync';
import { makeOrders, type Order } from '../../orders.ts';

// Workbox's documented queue. With background sync of its own accord it would begin to send while orders are still being
// saved, so it is told not to, and sends when the bench says so.

interface Call {
  readonly call: 'saveOneByOne' | 'saveAll' | 'drain' | 'waiting';
  readonly seed: number;
  readonly first: number;
  readonly count: number;
}

interface CallEvent extends ExtendableEvent {
  readonly data: Call;
  readonly ports: readonly MessagePort[];
}

interface ExtendableEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}

const queue = new Queue('orders', { forceSyncFallback: true, onSync: async () => undefined });

addEventListener('message', (event) => {
  const call = event as Event as CallEvent;
  const [port] = call.ports;
  const work = run(call.data).then(
    (value) => port?.postMessage({ value }),
    (error: unknown) => port?.postMessage({ error: String(error) }),
  );
  call.waitUntil(work);
});

async function run({ call, seed, first, count }: Call): Promise<number> {
  if (call === 'waiting') return queue.size();
  const requests = call === 'drain' ? [] : makeOrders(seed, count, first).map(toRequest);
  const startedAt = performance.now();
  if (call === 'drain') await queue.replayRequests();
  else if (call === 'saveAll')
    await Promise.all(requests.map(async (request) => queue.pushRequest({ request })));
  else for (const request of requests) await queue.pushRequest({ request });
  return performance.now() - startedAt;
}

function toRequest(order: Order): Request {
  const headers = { 'content-type': 'application/json' };
  return new Request('/orders', { method: 'POST', headers, body: JSON.stringify(order) });
}
