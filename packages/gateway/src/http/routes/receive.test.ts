import { beforeEach, describe, expect, test } from 'vitest';
import { createTestGateway, type TestAnswer, type TestGateway } from '../../testing/test-gateway.ts';

const QUEUE = '/v1/queues/orders';
let gateway: TestGateway;

beforeEach(async () => {
  gateway = await createTestGateway();
  await gateway.call('PUT', QUEUE, { retryDelaysMs: [] });
});

describe('receiving', () => {
  test('gives each message its receipt and what it carries', async () => {
    await send({
      body: { n: 1 },
      label: 'a',
      correlationId: 'c',
      replyTo: 'r',
      traceparent: 't',
      headers: { h: 'v' },
      priority: 5,
    });
    gateway.clock.advance(1500);
    const [message] = await receive({ leaseMs: 2000 });
    expect(message).toEqual({
      id: expect.any(String),
      receipt: expect.any(String),
      leasedUntil: '2027-01-15T08:00:03.500Z',
      priority: 5,
      deliveryCount: 1,
      lifetimeDeliveryCount: 1,
      contentType: 'application/json',
      headers: { h: 'v' },
      label: 'a',
      correlationId: 'c',
      replyTo: 'r',
      traceparent: 't',
      sentAt: '2027-01-15T08:00:00.000Z',
      arrivedAt: '2027-01-15T08:00:00.000Z',
      body: { n: 1 },
    });
  });

  test('one by default, the highest priority first, and never the same twice', async () => {
    await send({ body: 1 });
    await send({ body: 2, priority: 7 });
    expect(await receive()).toMatchObject([{ body: 2 }]);
    expect(await receive({ max: 10 })).toMatchObject([{ body: 1 }]);
    expect(await receive()).toEqual([]);
  });

  test('a lease that ran out gives the message again with a new receipt; the old one is lost', async () => {
    await send({ body: 1 });
    const [first] = await receive({ leaseMs: 1000 });
    gateway.clock.advance(1001);
    const [second] = await receive();
    expect(second).toMatchObject({ body: 1, deliveryCount: 2 });
    expect(await settle({ ack: [first?.receipt] })).toEqual([
      { receipt: first?.receipt, code: 'lease-lost' },
    ]);
    expect(await settle({ ack: [second?.receipt] })).toEqual([{ receipt: second?.receipt }]);
    expect(await receive()).toEqual([]);
  });

  test.each([
    { max: 0 },
    { max: 1025 },
    { max: '1' },
    { leaseMs: 0 },
    { leaseMs: 1e15 },
    { waitMs: -1 },
    { waitMs: 50_001 },
    { bodies: 'none' },
  ])('%j is refused', async (body) => {
    expect(await gateway.call('POST', `${QUEUE}/receive`, body)).toMatchObject({
      status: 400,
      json: { code: 'invalid-request' },
    });
  });

  test('from a queue that is not there', async () => {
    for (const path of ['receive', 'settle']) {
      const answer = await gateway.call(
        'POST',
        `/v1/queues/none/${path}`,
        path === 'settle' ? { ack: ['x'] } : {},
      );
      expect(answer).toMatchObject({ status: 404, json: { code: 'queue-not-found' } });
    }
    expect(await gateway.call('GET', '/v1/queues/none/messages')).toMatchObject({
      status: 404,
      json: { code: 'queue-not-found' },
    });
  });
});

describe('waiting for a first message', () => {
  test('ends when one arrives', async () => {
    const waiting = receive({ waitMs: 20_000 });
    await waits();
    await send({ body: 1 });
    expect(await waiting).toMatchObject([{ body: 1 }]);
    expect(gateway.clock.waiting).toBe(0);
  });

  test('ends when the time is up', async () => {
    const waiting = receive({ waitMs: 20_000 });
    await waits();
    gateway.clock.advance(20_000);
    expect(await waiting).toEqual([]);
  });

  test('ends when a lease runs out', async () => {
    await send({ body: 1 });
    await receive({ leaseMs: 5000 });
    const waiting = receive({ waitMs: 20_000 });
    await waits();
    gateway.clock.advance(5000);
    expect(await waiting).toMatchObject([{ body: 1, deliveryCount: 2 }]);
  });

  test('ends when a message is given back', async () => {
    for (const give of ['nack', 'release'] as const) {
      await send({ body: give });
      const [message] = await receive();
      const waiting = receive({ waitMs: 20_000 });
      await waits();
      await settle(
        give === 'nack' ? { nack: [{ receipt: message?.receipt }] } : { release: [message?.receipt] },
      );
      const [again] = await waiting;
      expect(again).toMatchObject({ body: give });
      await settle({ ack: [again?.receipt] });
    }
  });

  test('ends when a retry delay has passed, and not before', async () => {
    await send({ body: 1 });
    const [message] = await receive();
    await settle({ nack: [{ receipt: message?.receipt, delayMs: 3000 }] });
    const waiting = receive({ waitMs: 20_000 });
    await waits();
    gateway.clock.advance(2999);
    expect(gateway.clock.waiting).toBe(1);
    gateway.clock.advance(1);
    expect(await waiting).toMatchObject([{ body: 1, deliveryCount: 2 }]);
  });

  test('ends when the gateway stops', async () => {
    const waiting = receive({ waitMs: 20_000 });
    await waits();
    await gateway.gateway.stop();
    expect(await waiting).toEqual([]);
  });

  test('one message wakes several consumers and goes to one of them', async () => {
    const waiting = [receive({ waitMs: 1000 }), receive({ waitMs: 1000 })];
    await waits(2);
    await send({ body: 1 });
    const first = await Promise.race(waiting);
    expect(first).toHaveLength(1);
    await waits(1);
    gateway.clock.advance(1000);
    expect((await Promise.all(waiting)).flat()).toHaveLength(1);
  });

  test('a consumer that went away leaves nothing leased', async () => {
    const gone = new AbortController();
    const waiting = receive({ waitMs: 20_000 }, gone.signal);
    await waits();
    gone.abort();
    await waiting.catch(() => undefined);
    await send({ body: 1 });
    expect(await receive()).toMatchObject([{ body: 1, deliveryCount: 1 }]);
  });
});

test('a consumer that goes away while messages are leased for it leaves nothing leased', async () => {
  const gone = new AbortController();
  gateway = await createTestGateway({
    afterReceive: () => gone.abort(),
  });
  await gateway.call('PUT', QUEUE, { retryDelaysMs: [] });
  await send({ body: 1 });
  await receive({}, gone.signal).catch(() => undefined);
  await expect
    .poll(async () => (await gateway.call('GET', QUEUE)).json)
    .toMatchObject({ ready: 1, leased: 0 });
});

describe('settling', () => {
  test('answers every receipt, in the order of the kinds and the receipts', async () => {
    for (let body = 1; body <= 4; body++) await send({ body });
    const [one, two, three, four] = (await receive({ max: 4 })).map(({ receipt }) => receipt);
    gateway.clock.advance(1000);
    const results = await settle({
      release: [four],
      extend: [{ receipt: three, leaseMs: 60_000 }],
      nack: [{ receipt: two }, { receipt: 'unknown' }],
      ack: [one],
    });
    expect(results).toEqual([
      { receipt: one },
      { receipt: two },
      { receipt: 'unknown', code: 'lease-lost' },
      { receipt: three, leasedUntil: '2027-01-15T08:01:01.000Z' },
      { receipt: four },
    ]);
    expect(await receive({ max: 4 })).toMatchObject([
      { body: 2, deliveryCount: 2 },
      { body: 4, deliveryCount: 1 },
    ]);
  });

  test('a receipt settles once', async () => {
    await send({ body: 1 });
    const [message] = await receive();
    const receipt = message?.receipt;
    expect(await settle({ ack: [receipt, receipt] })).toEqual([{ receipt }, { receipt, code: 'lease-lost' }]);
  });

  test.each([
    {},
    { ack: [] },
    { ack: [''] },
    { ack: [1] },
    { nack: ['x'] },
    { extend: [{ receipt: 'x' }] },
    { ack: Array.from({ length: 4097 }, () => 'x') },
  ])('%j is refused', async (body) => {
    expect(await gateway.call('POST', `${QUEUE}/settle`, body)).toMatchObject({
      status: 400,
      json: { code: 'invalid-request' },
    });
  });
});

describe('peeking', () => {
  test('goes through the queue page by page and leases nothing', async () => {
    for (let body = 1; body <= 5; body++) await send({ body });
    const bodies: unknown[] = [];
    let cursor: string | undefined;
    do {
      const query: string = cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const { json } = await gateway.call('GET', `${QUEUE}/messages?limit=2&bodies=auto${query}`);
      const page = json as { messages: { body: unknown }[]; cursor?: string };
      bodies.push(...page.messages.map(({ body }) => body));
      cursor = page.cursor;
    } while (cursor !== undefined);
    expect(bodies).toEqual([1, 2, 3, 4, 5]);
    expect(await receive({ max: 5 })).toHaveLength(5);
  });

  test('without bodies by default, with their size instead', async () => {
    await send({ body: 'abc' });
    const { json } = await gateway.call('GET', `${QUEUE}/messages`);
    const [message] = (json as { messages: object[] }).messages;
    expect(message).toMatchObject({ state: 'ready', bodyBytes: 5 });
    expect(message).not.toHaveProperty('body');
  });

  test.each(['limit=0', 'limit=257', 'limit=x', 'bodies=all', 'cursor=%2F'])(
    '%s is refused',
    async (query) => {
      expect(await gateway.call('GET', `${QUEUE}/messages?${query}`)).toMatchObject({
        status: 400,
        json: { code: 'invalid-request' },
      });
    },
  );
});

interface Message {
  readonly receipt: string;
  readonly body: unknown;
}

async function send(message: unknown): Promise<void> {
  expect(await gateway.call('POST', `${QUEUE}/messages`, message)).toMatchObject({ status: 200 });
}

async function receive(body: unknown = {}, signal?: AbortSignal): Promise<Message[]> {
  const answer = await gateway.call('POST', `${QUEUE}/receive`, body, {}, signal);
  expect(answer.status).toBe(200);
  return (answer.json as { messages: Message[] }).messages;
}

async function settle(body: unknown): Promise<unknown> {
  const answer: TestAnswer = await gateway.call('POST', `${QUEUE}/settle`, body);
  expect(answer.status).toBe(200);
  return (answer.json as { results: unknown }).results;
}

/** Resolves when so many receives wait. */
async function waits(count = 1): Promise<void> {
  await expect.poll(() => gateway.clock.waiting).toBe(count);
}
