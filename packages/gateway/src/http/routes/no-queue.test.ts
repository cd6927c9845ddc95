import { beforeEach, expect, test } from 'vitest';
import { createTestGateway, type TestGateway } from '../../testing/test-gateway.ts';

// docs/guides/queues.md, "A message always has a queue": whatever is not there, no message is left without a queue.

let gateway: TestGateway;
beforeEach(async () => {
  gateway = await createTestGateway();
  await gateway.gateway.start();
  await gateway.call('PUT', '/v1/queues/orders', { retryDelaysMs: [] });
});

/** Names of all queues and subqueues that there are. */
async function queueNames(): Promise<string[]> {
  return (await gateway.store.listQueues(gateway.clock.now())).map(({ name }) => name);
}

async function bodiesIn(queue: string): Promise<unknown[]> {
  const { json } = await gateway.call('GET', `/v1/queues/${queue}/messages?bodies=auto`);
  return (json as { messages: { body: unknown }[] }).messages.map(({ body }) => body);
}

async function receipts(queue: string): Promise<string[]> {
  const { json } = await gateway.call('POST', `/v1/queues/${queue}/receive`, { max: 9 });
  return (json as { messages: { receipt: string }[] }).messages.map(({ receipt }) => receipt);
}

test('the target of a rule that was deleted: the message stays where the rule is', async () => {
  await gateway.call('PUT', '/v1/queues/audit', {});
  const rules = [{ name: 'all', action: 'forward', to: 'audit' }];
  expect(await gateway.call('PATCH', '/v1/queues/orders', { rules })).toMatchObject({ status: 200 });
  expect(await gateway.call('DELETE', '/v1/queues/audit')).toMatchObject({ status: 204 });
  await gateway.call('POST', '/v1/queues/orders/messages', { body: 1 });
  expect(await bodiesIn('orders')).toEqual([1]);
  expect(gateway.log.map(({ fields }) => fields)).toContainEqual(
    expect.objectContaining({ code: 'queue-not-found', to: 'audit' }),
  );
  expect(await queueNames()).toEqual(['orders']);
});

test('a target of replyTo that is not there is no matter of the gateway', async () => {
  await gateway.call('POST', '/v1/queues/orders/messages', { body: 1, replyTo: 'nowhere' });
  const [receipt] = await receipts('orders');
  const settle = [{ queue: 'orders', receipt, outcome: 'ack' }];
  const answer = { settle, send: [{ queue: 'nowhere', body: 'answer' }] };
  expect(await gateway.call('POST', '/v1/transactions', answer)).toMatchObject({
    json: { code: 'queue-not-found' },
  });
  await gateway.call('POST', '/v1/queues/orders/settle', { reject: [{ receipt }] });
  expect(await bodiesIn('orders;dead-letter')).toEqual([1]);
  expect(await queueNames()).toEqual(['orders', 'orders;dead-letter']);
});

test('a queue that is deleted takes what is leased, delayed and dead with it', async () => {
  const messages = [
    { body: 1 },
    { body: 2 },
    { body: 3, deliverAfterMs: 1000 },
    { body: 4, timeToLiveMs: 500 },
  ];
  await gateway.call('POST', '/v1/queues/orders/messages', { messages });
  const [first, second] = await receipts('orders');
  await gateway.call('POST', '/v1/queues/orders/settle', { reject: [{ receipt: first }] });
  expect(await gateway.call('DELETE', '/v1/queues/orders')).toMatchObject({ status: 409 });
  expect(await gateway.call('DELETE', '/v1/queues/orders?messages=delete')).toMatchObject({ status: 204 });
  gateway.clock.advance(60_000);
  await gateway.call('POST', '/v1/queues/orders/settle', { reject: [{ receipt: second }] });
  expect(await queueNames()).toEqual([]);
  // One of the same name begins empty: nothing of the old one comes into it.
  await gateway.call('PUT', '/v1/queues/orders', {});
  gateway.clock.advance(60_000);
  expect([await bodiesIn('orders'), await bodiesIn('orders;dead-letter')]).toEqual([[], []]);
  expect(await queueNames()).toEqual(['orders']);
});

test('nobody makes a queue of the gateway', async () => {
  gateway = await createTestGateway({ isDevelopment: true });
  expect(await gateway.call('PUT', '/v1/queues/sys.dead-letter', {})).toMatchObject({ status: 400 });
  expect(await gateway.call('POST', '/v1/queues/sys.dead-letter/messages', { body: 1 })).toMatchObject({
    status: 404,
  });
  const send = [{ queue: 'sys.dead-letter', body: 1 }];
  expect(await gateway.call('POST', '/v1/transactions', { send })).toMatchObject({ status: 404 });
  expect(await queueNames()).toEqual([]);
});
