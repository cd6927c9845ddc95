import { beforeEach, describe, expect, test } from 'vitest';
import { createTestGateway, type TestAnswer, type TestGateway } from '../../testing/test-gateway.ts';

const QUEUE = '/v1/queues/orders';
const ID = '0190a000-0000-7000-8000-000000000001';

let gateway: TestGateway;

beforeEach(async () => {
  gateway = await createTestGateway();
  await gateway.call('PUT', QUEUE, { retryDelaysMs: [100], maxDeliveries: 2 });
});

describe('dead letters', () => {
  test('hold the message with code, reason, history and both counts', async () => {
    await send({ id: ID, body: { order: 7 }, label: 'seven' });
    await settle({ nack: [{ receipt: await receiveOne() }] });
    gateway.clock.advance(100);
    const receipt = await receiveOne();
    expect(await settle({ reject: [{ receipt, reason: 'no such customer' }] })).toEqual([
      { receipt, ended: 'rejected-by-receiver' },
    ]);
    expect(await gateway.call('GET', QUEUE)).toMatchObject({ json: { ready: 0, leased: 0 } });
    expect(await gateway.call('GET', `${QUEUE};dead-letter`)).toMatchObject({
      json: { name: 'orders;dead-letter', ready: 1, maxDeliveries: 2 },
    });
    expect(await gateway.call('GET', `${QUEUE};dead-letter/messages/${ID}`)).toMatchObject({
      status: 200,
      json: {
        id: ID,
        state: 'ready',
        body: { order: 7 },
        label: 'seven',
        deliveryCount: 0,
        lifetimeDeliveryCount: 2,
        history: [
          {
            queue: 'orders',
            code: 'rejected-by-receiver',
            reason: 'no such customer',
            at: '2027-01-15T08:00:00.100Z',
            deliveryCount: 2,
          },
        ],
      },
    });
  });

  test('are there after the last delivery was given back, or its lease ran out', async () => {
    await send({ body: 1 });
    await send({ body: 2 });
    await gateway.call('PATCH', QUEUE, { maxDeliveries: 1 });
    expect(await settle({ nack: [{ receipt: await receiveOne() }] })).toMatchObject([
      { ended: 'max-deliveries' },
    ]);
    await receiveOne();
    gateway.clock.advance(30_000);
    const { json } = await gateway.call('GET', `${QUEUE};dead-letter/messages?bodies=auto`);
    expect(json).toMatchObject({ messages: [{ body: 1 }, { body: 2 }] });
  });

  test('need the permission for their queue, and a queue that is there', async () => {
    const token = await gateway.token({ receive: ['visits'], manage: [] });
    const headers = { authorization: `Bearer ${token}` };
    for (const path of ['', '/messages', `/messages/${ID}`])
      expect(await gateway.call('GET', `${QUEUE};dead-letter${path}`, undefined, headers)).toMatchObject({
        status: 403,
      });
    for (const path of ['', '/messages', `/messages/${ID}`])
      expect(await gateway.call('GET', `/v1/queues/nowhere;dead-letter${path}`)).toMatchObject({
        status: 404,
        json: { code: 'queue-not-found' },
      });
    expect(await gateway.call('GET', `${QUEUE};dead-letter/messages`)).toMatchObject({
      json: { messages: [] },
    });
    expect(await gateway.call('GET', `${QUEUE};dead-letter`)).toMatchObject({ json: { ready: 0 } });
  });

  test.each([
    'orders;',
    'orders;a;b',
    'orders;A',
    ';a',
    `orders;${'a'.repeat(33)}`,
    'orders;..',
    'orders%3B%00',
  ])('%s is no queue', async (name) => {
    expect(await gateway.call('GET', `/v1/queues/${name}`)).toMatchObject({ status: 400 });
  });

  test.each([
    { reject: ['x'] },
    { reject: [{}] },
    { reject: [{ receipt: 'x', reason: 1 }] },
    { reject: [{ receipt: 'x', reason: 'a\u0000b' }] },
    { reject: [{ receipt: 'x', reason: 'r'.repeat(513) }] },
    { nack: [{ receipt: 'x', delayMs: -1 }] },
  ])('a settle of %j is refused', async (body) => {
    expect(await gateway.call('POST', `${QUEUE}/settle`, body)).toMatchObject({ status: 400 });
  });
});

describe('times of a message', () => {
  test('a message that is not consumed in time is a dead letter', async () => {
    await send({ body: 1, timeToLiveMs: 1000 });
    gateway.clock.advance(999);
    expect(await gateway.call('GET', QUEUE)).toMatchObject({ json: { ready: 1 } });
    gateway.clock.advance(1);
    expect(await gateway.call('GET', QUEUE)).toMatchObject({ json: { ready: 0, bytes: 0 } });
    expect(await gateway.call('GET', `${QUEUE};dead-letter/messages`)).toMatchObject({
      json: { messages: [{ history: [{ code: 'receive-timeout' }], timeToLiveMs: 1000 }] },
    });
  });

  test('a message to be delivered later wakes a waiting consumer in its time', async () => {
    await send({ body: 1, deliverAfterMs: 5000 });
    const waiting = gateway.call('POST', `${QUEUE}/receive`, { waitMs: 20_000 });
    await expect.poll(() => gateway.clock.waiting).toBe(1);
    gateway.clock.advance(4999);
    expect(gateway.clock.waiting).toBe(1);
    gateway.clock.advance(1);
    expect(await waiting).toMatchObject({ json: { messages: [{ body: 1 }] } });
  });

  test('the next of a group wakes a waiting consumer when the first is acknowledged', async () => {
    await send({ body: 1, groupId: 'a' });
    await send({ body: 2, groupId: 'a' });
    const receipt = await receiveOne();
    const waiting = gateway.call('POST', `${QUEUE}/receive`, { waitMs: 20_000 });
    await expect.poll(() => gateway.clock.waiting).toBe(1);
    await settle({ ack: [receipt] });
    expect(await waiting).toMatchObject({ json: { messages: [{ body: 2, groupId: 'a' }] } });
  });

  test.each([
    { timeToLiveMs: 0 },
    { timeToLiveMs: -1 },
    { timeToLiveMs: 1.5 },
    { timeToLiveMs: '1' },
    { timeToLiveMs: 315_360_000_001 },
    { deliverAfterMs: -1 },
    { deliverAfterMs: null },
    { groupId: '' },
    { groupId: 'g'.repeat(129) },
    { groupId: 1 },
  ])('%j is refused', async (properties) => {
    expect(await gateway.call('POST', `${QUEUE}/messages`, { body: 1, ...properties })).toMatchObject({
      status: 400,
      json: { code: 'invalid-request' },
    });
  });
});

describe('quotas', () => {
  test('a full queue refuses the whole request for now, and says when to try again', async () => {
    await gateway.call('PATCH', QUEUE, { quotaMessages: 2 });
    await send({ body: 1 });
    const answer = await gateway.call('POST', `${QUEUE}/messages`, { messages: [{ body: 2 }, { body: 3 }] });
    expect(answer).toMatchObject({ status: 429, json: { code: 'quota-exceeded', retryAfterMs: 5000 } });
    expect(answer.headers.get('retry-after')).toBe('5');
    expect(await gateway.call('GET', QUEUE)).toMatchObject({ json: { ready: 1 } });
    await send({ body: 2 });
    await settle({ ack: [await receiveOne()] });
    await send({ body: 3 });
  });

  test('dead letters count, a repeated send does not, and a lower quota concerns arrivals only', async () => {
    await gateway.call('PATCH', QUEUE, { quotaMessages: 2, quotaBytes: 1000 });
    await send({ id: ID, body: 1 });
    await send({ body: 2 });
    await settle({ reject: [{ receipt: await receiveOne() }] });
    expect(await gateway.call('POST', `${QUEUE}/messages`, { body: 3 })).toMatchObject({ status: 429 });
    await send({ id: ID, body: 1 });
    expect(await gateway.call('PATCH', QUEUE, { quotaMessages: 1 })).toMatchObject({
      json: { ready: 1, quotaMessages: 1, quotaBytes: 1000 },
    });
    const { json } = await gateway.call('PATCH', QUEUE, { quotaMessages: null, quotaBytes: null });
    expect(json).not.toHaveProperty('quotaMessages');
    await send({ body: 3 });
  });

  test('bytes are counted, and an empty queue takes one message whatever its size', async () => {
    await gateway.call('PATCH', QUEUE, { quotaBytes: 10 });
    await send({ body: 'x'.repeat(100) });
    expect(await gateway.call('POST', `${QUEUE}/messages`, { body: 1 })).toMatchObject({ status: 429 });
  });
});

describe('looking for messages', () => {
  test('by correlation id, with bodies and without', async () => {
    for (let body = 1; body <= 6; body++) await send({ body, correlationId: `visit-${body % 3}` });
    const { json } = await gateway.call('GET', `${QUEUE}/messages?correlationId=visit-1&bodies=auto`);
    expect(json).toMatchObject({ messages: [{ body: 1 }, { body: 4 }] });
    const first = await gateway.call('GET', `${QUEUE}/messages?correlationId=visit-1&limit=1`);
    expect(first.json).toMatchObject({ messages: [{ bodyBytes: 1 }], cursor: expect.any(String) });
    expect(await gateway.call('GET', `${QUEUE}/messages?correlationId=none`)).toMatchObject({
      json: { messages: [] },
    });
  });

  test('by id: what is not there is not-found', async () => {
    await send({ id: ID.toUpperCase(), body: 1 });
    expect(await gateway.call('GET', `${QUEUE}/messages/${ID.toUpperCase()}?bodies=base64`)).toMatchObject({
      json: { id: ID, bodyBase64: 'MQ==' },
    });
    expect(await gateway.call('GET', `${QUEUE}/messages/${ID.replace('1', '2')}`)).toMatchObject({
      status: 404,
      json: { code: 'not-found' },
    });
    for (const id of ['x', '..', '%00', `${ID}x`])
      expect((await gateway.call('GET', `${QUEUE}/messages/${id}`)).status).toBeGreaterThanOrEqual(400);
  });
});

test.each([
  { maxDeliveries: 0 },
  { maxDeliveries: 1.5 },
  { retryDelaysMs: [-1] },
  { retryDelaysMs: 1 },
  { retryDelaysMs: Array.from({ length: 33 }, () => 1) },
  { deadLetter: 'yes' },
  { ordering: 'lifo' },
  { quotaMessages: 0 },
  { quotaBytes: '1' },
  { journal: 1 },
  { journalRetentionMs: 0 },
])('a queue with %j is refused', async (settings) => {
  expect(await gateway.call('PATCH', QUEUE, settings)).toMatchObject({
    status: 400,
    json: { code: 'invalid-request' },
  });
});

async function send(message: unknown): Promise<void> {
  expect(await gateway.call('POST', `${QUEUE}/messages`, message)).toMatchObject({ status: 200 });
}

async function receiveOne(): Promise<string> {
  const answer = await gateway.call('POST', `${QUEUE}/receive`, {});
  const [message] = (answer.json as { messages: { receipt: string }[] }).messages;
  if (message === undefined) throw new Error('no message is visible');
  return message.receipt;
}

async function settle(body: unknown): Promise<unknown> {
  const answer: TestAnswer = await gateway.call('POST', `${QUEUE}/settle`, body);
  expect(answer.status).toBe(200);
  return (answer.json as { results: unknown }).results;
}
