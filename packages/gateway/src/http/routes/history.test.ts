import { beforeEach, expect, test } from 'vitest';
import { createTestGateway, type TestGateway } from '../../testing/test-gateway.ts';

const ORDERS = '/v1/queues/orders';
const ID = '0190a000-0000-7000-8000-000000000001';

let gateway: TestGateway;

beforeEach(async () => {
  gateway = await createTestGateway();
  await gateway.call('PUT', ORDERS, { retryDelaysMs: [], journal: true });
  await gateway.call('PUT', '/v1/queues/visits', {});
  await gateway.call('POST', `${ORDERS}/messages`, { id: ID, body: 1 });
  await gateway.call('POST', `${ORDERS}/messages`, { body: 2 });
});

test('a message that waits: saved, reached, and who has it leased', async () => {
  expect(await places()).toEqual([
    {
      queue: 'orders',
      state: 'ready',
      deliveryCount: 0,
      lifetimeDeliveryCount: 0,
      events: [
        { event: 'saved', at: '2027-01-15T08:00:00.000Z' },
        { event: 'reached', at: '2027-01-15T08:00:00.000Z', queue: 'orders' },
      ],
    },
  ]);
  await receiveOne();
  expect(await places()).toMatchObject([
    { state: 'leased', deliveryCount: 1, leasedTo: 'rep', leasedUntil: '2027-01-15T08:00:30.000Z' },
  ]);
});

test('a dead letter, a redrive and its end tell all of it, in the journal for as long as that keeps it', async () => {
  await settle({ reject: [{ receipt: await receiveOne(), reason: 'torn' }] });
  expect(await places()).toMatchObject([
    { queue: 'orders;dead-letter', fate: { code: 'rejected-by-receiver', at: '2027-01-15T08:00:00.000Z' } },
  ]);
  const { json } = await gateway.call('POST', `${ORDERS}/redrive`, {});
  const { id } = json as { id: string };
  await expect
    .poll(async () => (await gateway.call('GET', `/v1/jobs/${id}`)).json)
    .toMatchObject({ state: 'done' });
  const [waiting] = await places();
  expect(waiting).toMatchObject({ queue: 'orders', lifetimeDeliveryCount: 1 });
  expect(waiting).not.toHaveProperty('fate');
  const receipts = [await receiveOne(), await receiveOne()];
  await settle({ ack: receipts });
  expect(await places()).toMatchObject([
    {
      queue: 'orders;journal',
      fate: { code: 'received' },
      lifetimeDeliveryCount: 2,
      events: [
        { event: 'saved' },
        { event: 'reached', queue: 'orders' },
        { event: 'left', queue: 'orders', code: 'rejected-by-receiver', reason: 'torn', deliveryCount: 1 },
        { event: 'left', queue: 'orders;dead-letter', code: 'redriven' },
        { event: 'left', queue: 'orders', code: 'received', deliveryCount: 1 },
      ],
    },
  ]);
  gateway.clock.advance(7 * 24 * 3_600_000);
  expect(await gateway.call('GET', `/v1/messages/${ID}`)).toMatchObject({ status: 404 });
});

test('is looked for where the token may look, and in the queue that is named', async () => {
  const headers = { authorization: `Bearer ${await gateway.token({ receive: ['visits'], manage: [] })}` };
  expect(await gateway.call('GET', `/v1/messages/${ID}`, undefined, headers)).toMatchObject({ status: 404 });
  expect(await gateway.call('GET', `/v1/messages/${ID}?queue=visits`)).toMatchObject({ status: 404 });
  expect(await gateway.call('GET', `/v1/messages/${ID.toUpperCase()}?queue=orders`)).toMatchObject({
    status: 200,
    json: { id: ID },
  });
});

test.each(['x', '%00', `${ID}0`, `${ID}?queue=..`, `${ID}?queue=`])('%s is refused', async (text) => {
  expect(await gateway.call('GET', `/v1/messages/${text}`)).toMatchObject({
    status: 400,
    json: { code: 'invalid-request' },
  });
});

async function places(): Promise<object[]> {
  const { json } = await gateway.call('GET', `/v1/messages/${ID}`);
  return (json as { places: object[] }).places;
}

async function receiveOne(): Promise<string> {
  const { json } = await gateway.call('POST', `${ORDERS}/receive`, {});
  return (json as { messages: [{ receipt: string }] }).messages[0].receipt;
}

async function settle(body: unknown): Promise<void> {
  expect(await gateway.call('POST', `${ORDERS}/settle`, body)).toMatchObject({ status: 200 });
}
