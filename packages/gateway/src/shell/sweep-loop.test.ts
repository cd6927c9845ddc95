import { expect, test } from 'vitest';
import { createTestGateway } from '../testing/test-gateway.ts';

test('messages expire while nobody calls, waiting consumers hear of the dead letter, and stopping ends it', async () => {
  const gateway = await createTestGateway();
  await gateway.call('PUT', '/v1/queues/orders', {});
  await gateway.call('POST', '/v1/queues/orders/messages', { body: 1, timeToLiveMs: 500 });
  await gateway.gateway.start();
  const waiting = gateway.call('POST', '/v1/queues/orders;dead-letter/receive', { waitMs: 10_000 });
  await expect.poll(() => gateway.clock.waiting).toBe(2);
  gateway.clock.advance(1000);
  expect(await waiting).toMatchObject({
    json: {
      messages: [{ body: 1, history: [{ queue: 'orders', code: 'receive-timeout', deliveryCount: 0 }] }],
    },
  });
  expect(gateway.log).toContainEqual(
    expect.objectContaining({ level: 'info', fields: { queue: 'orders', messages: 1 } }),
  );
  await gateway.gateway.stop();
  expect(gateway.clock.waiting).toBe(0);
});

test('a full journal is an error in the log', async () => {
  const gateway = await createTestGateway();
  await gateway.call('PUT', '/v1/queues/orders', { journal: true, quotaMessages: 1 });
  for (const body of [1, 2]) {
    await gateway.call('POST', '/v1/queues/orders/messages', { body });
    const { json } = await gateway.call('POST', '/v1/queues/orders/receive', {});
    const { receipt } = (json as { messages: [{ receipt: string }] }).messages[0];
    await gateway.call('POST', '/v1/queues/orders/settle', { ack: [receipt] });
  }
  await gateway.gateway.start();
  gateway.clock.advance(1000);
  await expect
    .poll(() => gateway.log)
    .toContainEqual(expect.objectContaining({ level: 'error', fields: { queue: 'orders', messages: 1 } }));
  await gateway.gateway.stop();
});

test('a store that cannot sweep is tried again', async () => {
  const gateway = await createTestGateway();
  const sweep = gateway.store.sweep.bind(gateway.store);
  let calls = 0;
  gateway.store.sweep = (now) => (++calls === 1 ? Promise.reject(new Error('no room')) : sweep(now));
  await gateway.gateway.start();
  gateway.clock.advance(1000);
  await expect.poll(() => gateway.log.map(({ level }) => level)).toContain('error');
  await expect.poll(() => gateway.clock.waiting).toBe(1);
  gateway.clock.advance(1000);
  await expect.poll(() => calls).toBe(2);
  await gateway.gateway.stop();
});
