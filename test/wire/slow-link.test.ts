import { connect } from '@fieldpost/sdk';
import { createMemoryOutboxStore, MemoryDatabase } from '@fieldpost/sdk/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { makeQueue, mintToken, openTarget, readQueue, type Target } from './target.ts';

// A line of half a megabit, on which one message takes longer than two of the heartbeats that wait behind it.

const BYTES_PER_SECOND = 64 * 1024;
const MESSAGE_BYTES = 48 * BYTES_PER_SECOND;

let target: Target;
let proxy: TcpProxy;
beforeAll(async () => {
  target = await openTarget();
  const { host, port } = target;
  proxy = await startTcpProxy({
    target: () => ({ host, port }),
    delayMs: 100,
    bytesPerSecond: BYTES_PER_SECOND,
  });
});
afterAll(async () => {
  await proxy.close();
  await target.close();
});

test(
  'a message that takes longer than the heartbeats arrives over the connection it began on',
  { timeout: 180_000 },
  async () => {
    const queue = await makeQueue(target, { maxBodyBytes: 4 * 1024 * 1024 });
    const post = await connect({
      gateway: `http://127.0.0.1:${proxy.port}`,
      token: () => mintToken(target),
      surroundings: { store: createMemoryOutboxStore(new MemoryDatabase()) },
    });
    const orders = post.queue(queue);
    const small = await orders.send('small');
    expect(await small.delivered).toEqual({ outcome: 'delivered' });
    const begun = performance.now();
    const large = await orders.send('x'.repeat(MESSAGE_BYTES));
    expect(await large.delivered).toEqual({ outcome: 'delivered' });
    expect(performance.now() - begun).toBeGreaterThan(45_000);
    expect(proxy.counters.connections).toBe(1);
    await post.close();
    expect((await readQueue(target, queue)).map(({ id }) => id)).toEqual([small.id, large.id]);
  },
);
