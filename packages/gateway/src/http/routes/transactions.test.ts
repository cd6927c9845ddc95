import { beforeEach, describe, expect, test } from 'vitest';
import { createTestGateway, type TestAnswer, type TestGateway } from '../../testing/test-gateway.ts';

const ID = '01900000-0000-7000-8000-000000000001';
let gateway: TestGateway;

beforeEach(async () => {
  gateway = await createTestGateway();
  for (const queue of ['orders', 'visits', 'invoices']) await gateway.call('PUT', `/v1/queues/${queue}`, {});
});

const transact = (body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<TestAnswer> =>
  gateway.call('POST', '/v1/transactions', body, headers);

async function send(queue: string, ...bodies: unknown[]): Promise<void> {
  const messages = bodies.map((body) => ({ body }));
  expect(await gateway.call('POST', `/v1/queues/${queue}/messages`, { messages })).toMatchObject({
    status: 200,
  });
}

/** Receipts of the next messages. */
async function lease(queue: string, max = 1): Promise<{ queue: string; receipt: string }[]> {
  const { json } = await gateway.call('POST', `/v1/queues/${queue}/receive`, { max, leaseMs: 10_000 });
  return (json as { messages: { receipt: string }[] }).messages.map(({ receipt }) => ({ queue, receipt }));
}

const acks = (leases: readonly { queue: string; receipt: string }[]): unknown[] =>
  leases.map((one) => ({ ...one, outcome: 'ack' }));

async function bodiesIn(queue: string): Promise<unknown[]> {
  const { json } = await gateway.call('GET', `/v1/queues/${queue}/messages?bodies=auto`);
  return (json as { messages: { body: unknown }[] }).messages.map(({ body }) => body);
}

describe('all of it', () => {
  test('settles in several queues and sends to several, and answers in the order of the messages', async () => {
    await send('orders', 'o1', 'o2', 'o3');
    await send('visits', 'v1');
    const settle = acks([...(await lease('orders', 2)), ...(await lease('visits'))]);
    const request = {
      settle,
      send: [
        { queue: 'invoices', body: { amount: 1 }, label: 'first', priority: 6 },
        { queue: 'orders', body: 'o4' },
        { queue: 'invoices', id: ID, body: 'named' },
      ],
    };
    const answer = await transact(JSON.stringify(request).replace('"amount":1', '"amount":1.0'));
    expect(answer.status).toBe(200);
    const { messages } = answer.json as { messages: { id: string; sentAt: string }[] };
    expect(messages).toHaveLength(3);
    expect(messages[2]).toEqual({ id: ID, sentAt: '2027-01-15T08:00:00.000Z' });
    expect(await bodiesIn('orders')).toEqual(['o3', 'o4']);
    expect(await bodiesIn('visits')).toEqual([]);
    const { json, text } = await gateway.call('GET', '/v1/queues/invoices/messages?bodies=auto');
    expect(json).toMatchObject({
      messages: [{ id: messages[0]?.id, label: 'first', priority: 6 }, { id: ID }],
    });
    // A JSON body keeps its own text.
    expect(text).toContain('{"amount":1.0}');
  });

  test('nack, reject and release are outcomes, too', async () => {
    await send('orders', 1, 2, 3);
    const [first, second, third] = await lease('orders', 3);
    const { status } = await transact({
      settle: [
        { ...first, outcome: 'nack', delayMs: 500 },
        { ...second, outcome: 'reject', reason: 'no such customer' },
        { ...third, outcome: 'release' },
      ],
    });
    expect(status).toBe(200);
    const { json } = await gateway.call('GET', '/v1/queues/orders/messages?bodies=auto');
    expect(json).toMatchObject({
      messages: [
        { body: 1, state: 'delayed' },
        { body: 3, state: 'ready' },
      ],
    });
    expect(await bodiesIn('orders;dead-letter')).toEqual([2]);
  });

  test('sends alone are a transaction as well', async () => {
    const sends = [
      { queue: 'orders', body: 1 },
      { queue: 'visits', body: 2 },
    ];
    expect(await transact({ send: sends })).toMatchObject({ status: 200 });
    expect(await transact({ send: sends })).toMatchObject({ status: 200 });
    expect([await bodiesIn('orders'), await bodiesIn('visits')]).toEqual([
      [1, 1],
      [2, 2],
    ]);
  });

  test('wakes those who wait for what was sent, and for what was given back', async () => {
    await send('orders', 1);
    const [held] = await lease('orders');
    const waiting = ['invoices', 'orders'].map((queue) =>
      gateway.call('POST', `/v1/queues/${queue}/receive`, { waitMs: 20_000 }),
    );
    await expect.poll(() => gateway.clock.waiting).toBe(2);
    await transact({ settle: [{ ...held, outcome: 'release' }], send: [{ queue: 'invoices', body: 2 }] });
    const answers = await Promise.all(waiting);
    expect(answers.map(({ json }) => json)).toMatchObject([
      { messages: [{ body: 2 }] },
      { messages: [{ body: 1 }] },
    ]);
  });

  test('follows the rules of the queues that it sends to', async () => {
    await gateway.call('PUT', '/v1/queues/office', {
      rules: [{ name: 'big', when: 'body.total > 100', action: 'forward', to: 'invoices' }],
    });
    await transact({ send: [{ queue: 'office', body: { total: 1000 } }] });
    expect([await bodiesIn('office'), await bodiesIn('invoices')]).toEqual([[], [{ total: 1000 }]]);
  });
});

describe('or nothing', () => {
  test('one lost lease fails all of it', async () => {
    await send('orders', 1, 2);
    const leases = await lease('orders', 2);
    await gateway.call('POST', '/v1/queues/orders/settle', { release: [leases[1]?.receipt] });
    const answer = await transact({ settle: acks(leases), send: [{ queue: 'invoices', body: 1 }] });
    expect(answer).toMatchObject({
      status: 409,
      json: { code: 'lease-lost', detail: expect.stringContaining('settle.1') },
    });
    expect(await bodiesIn('invoices')).toEqual([]);
    const { json } = await gateway.call('GET', '/v1/queues/orders');
    expect(json).toMatchObject({ ready: 1, leased: 1 });
    // The other lease still holds.
    expect(await transact({ settle: acks(leases.slice(0, 1)) })).toMatchObject({ status: 200 });
  });

  test('a lease that ended by time is lost', async () => {
    await send('orders', 1);
    const leases = await lease('orders');
    gateway.clock.advance(10_000);
    expect(await transact({ settle: acks(leases) })).toMatchObject({ json: { code: 'lease-lost' } });
  });

  test.each([
    ['queue-not-found', 404, { queue: 'nowhere', body: 1 }],
    ['too-large', 413, { queue: 'small', body: 'x'.repeat(200) }],
    ['schema-mismatch', 422, { queue: 'typed', body: 'text' }],
    ['quota-exceeded', 429, { queue: 'full', body: 1 }],
    ['queue-paused', 503, { queue: 'paused', body: 1 }],
    ['conflict', 409, { queue: 'orders', id: ID, body: 'other' }],
  ])('%s: what one queue does not take, none does', async (code, status, refused) => {
    await gateway.call('PUT', '/v1/queues/small', { maxBodyBytes: 100 });
    await gateway.call('PUT', '/v1/queues/typed', { schema: { type: 'number' } });
    await gateway.call('PUT', '/v1/queues/full', { quotaMessages: 1 });
    await send('full', 0);
    await gateway.call('PUT', '/v1/queues/paused', {});
    await gateway.call('POST', '/v1/queues/paused/pause', { sending: true });
    await gateway.call('POST', '/v1/queues/orders/messages', { id: ID, body: 'first' });
    const leases = await lease('orders');
    expect(leases).toHaveLength(1);
    const answer = await transact({ settle: acks(leases), send: [{ queue: 'invoices', body: 1 }, refused] });
    expect(answer).toMatchObject({ status, json: { code } });
    expect(await bodiesIn('invoices')).toEqual([]);
    expect(await transact({ settle: acks(leases) })).toMatchObject({ status: 200 });
  });

  test('a queue that is not there is told before its lease', async () => {
    const settle = [{ queue: 'nowhere', receipt: '1.x', outcome: 'ack' }];
    expect(await transact({ settle })).toMatchObject({ status: 404, json: { code: 'queue-not-found' } });
  });
});

describe('again, after an answer that was lost', () => {
  test('gives the first answer, also for ids that the gateway gave, and does nothing', async () => {
    await send('orders', 1, 2);
    const body = {
      settle: acks(await lease('orders')),
      send: [
        { queue: 'invoices', body: 1 },
        { queue: 'invoices', body: 1 },
        { queue: 'visits', id: ID, body: 2 },
      ],
    };
    const first = await transact(body);
    expect(first.status).toBe(200);
    const ids = (first.json as { messages: { id: string }[] }).messages.map(({ id }) => id);
    expect(new Set(ids).size).toBe(3);
    gateway.clock.advance(60_000);
    expect(await transact(body)).toMatchObject({ status: 200, text: first.text });
    expect([await bodiesIn('orders'), await bodiesIn('invoices'), await bodiesIn('visits')]).toEqual([
      [2],
      [1, 1],
      [2],
    ]);
  });

  test('also when what was sent is consumed, and when a queue no longer takes it', async () => {
    await send('orders', 1);
    const body = { settle: acks(await lease('orders')), send: [{ queue: 'invoices', body: 1 }] };
    const first = await transact(body);
    await transact({ settle: acks(await lease('invoices')) });
    await gateway.call('POST', '/v1/queues/invoices/pause', { sending: true });
    expect(await transact(body)).toMatchObject({ status: 200, text: first.text });
    expect(await bodiesIn('invoices')).toEqual([]);
  });

  test('the same leases with other sends are lost leases: nothing is sent', async () => {
    await send('orders', 1);
    const settle = acks(await lease('orders'));
    await transact({ settle, send: [{ queue: 'invoices', body: 1 }] });
    expect(await transact({ settle, send: [{ queue: 'invoices', body: 2 }] })).toMatchObject({
      json: { code: 'lease-lost' },
    });
    expect(await transact({ settle })).toMatchObject({ json: { code: 'lease-lost' } });
    expect(await bodiesIn('invoices')).toEqual([1]);
  });

  test('a message that was sent before by its id is not sent again, and the lease is settled', async () => {
    await gateway.call('POST', '/v1/queues/invoices/messages', { id: ID, body: 1 });
    await send('orders', 1);
    gateway.clock.advance(1000);
    const answer = await transact({
      settle: acks(await lease('orders')),
      send: [{ queue: 'invoices', id: ID, body: 1 }],
    });
    expect(answer).toMatchObject({
      status: 200,
      json: { messages: [{ sentAt: '2027-01-15T08:00:00.000Z' }] },
    });
    expect([await bodiesIn('orders'), await bodiesIn('invoices')]).toEqual([[], [1]]);
  });

  test('one id may stand for messages in two queues', async () => {
    const sends = [
      { queue: 'invoices', id: ID, body: 1 },
      { queue: 'visits', id: ID, body: 1 },
    ];
    await transact({ send: sends });
    await transact({ send: sends });
    expect([await bodiesIn('invoices'), await bodiesIn('visits')]).toEqual([[1], [1]]);
  });
});

test('what is acknowledged makes room for what is sent', async () => {
  await gateway.call('PUT', '/v1/queues/steps', { quotaMessages: 2 });
  await send('steps', 1, 2);
  const [first, second] = await lease('steps', 2);
  const next = { queue: 'steps', body: 3 };
  const kept = await transact({ settle: [{ ...first, outcome: 'nack' }], send: [next] });
  expect(kept).toMatchObject({ json: { code: 'quota-exceeded' } });
  expect(await transact({ settle: acks([second as never]), send: [next, next] })).toMatchObject({
    json: { code: 'quota-exceeded' },
  });
  expect(await transact({ settle: acks([second as never]), send: [next] })).toMatchObject({ status: 200 });
  expect(await bodiesIn('steps')).toEqual([1, 3]);
});

describe('permissions', () => {
  test.each([
    ['receive', { receive: ['orders'] }],
    ['send', { send: ['invoices'] }],
  ])('%s is asked for every queue', async (_, grants) => {
    await send('orders', 1);
    await send('visits', 1);
    const body = {
      settle: acks([...(await lease('orders')), ...(await lease('visits'))]),
      send: [
        { queue: 'invoices', body: 1 },
        { queue: 'visits', body: 1 },
      ],
    };
    const authorization = `Bearer ${await gateway.token(grants)}`;
    expect(await transact(body, { authorization })).toMatchObject({
      status: 403,
      json: { code: 'access-denied' },
    });
    expect(await bodiesIn('invoices')).toEqual([]);
    expect(await transact(body)).toMatchObject({ status: 200 });
  });

  test("a subqueue is its queue's matter", async () => {
    await send('orders', 1);
    const [held] = await lease('orders');
    await transact({ settle: [{ ...held, outcome: 'reject' }] });
    const dead = await lease('orders;dead-letter');
    const authorization = `Bearer ${await gateway.token({ receive: ['orders'], send: ['invoices'] })}`;
    const body = { settle: acks(dead), send: [{ queue: 'invoices', body: 1 }] };
    expect(await transact(body, { authorization })).toMatchObject({ status: 200 });
    expect(await bodiesIn('orders;dead-letter')).toEqual([]);
  });
});

describe('bad input', () => {
  const lost = { queue: 'orders', receipt: '1.x', outcome: 'ack' };
  test.each([
    ['nothing to do', {}, 'settles nothing'],
    ['empty lists', { settle: [], send: [] }, 'settles nothing'],
    ['no object', [], 'body'],
    ['a receipt twice', { settle: [lost, lost] }, 'names a receipt twice'],
    ['no outcome', { settle: [{ queue: 'orders', receipt: '1.x' }] }, 'settle.0'],
    ['an outcome that is none', { settle: [{ ...lost, outcome: 'extend' }] }, 'settle.0'],
    ['no queue to settle in', { settle: [{ receipt: '1.x', outcome: 'ack' }] }, 'settle.0.queue'],
    ['a queue address that is none', { settle: [{ ...lost, queue: 'orders;a;b' }] }, 'settle.0.queue'],
    ['a delay below zero', { settle: [{ ...lost, outcome: 'nack', delayMs: -1 }] }, 'settle.0.delayMs'],
    ['no queue to send to', { send: [{ body: 1 }] }, 'send.0.queue'],
    ['a subqueue to send to', { send: [{ queue: 'orders;x', body: 1 }] }, 'send.0.queue'],
    ['no body', { send: [{ queue: 'orders' }] }, 'send.0: has neither'],
    [
      'a header of a wrong name',
      { send: [{ queue: 'orders', body: 1, headers: { '': '' } }] },
      'send.0.headers',
    ],
    [
      'too many',
      { settle: Array.from({ length: 1025 }, (_, n) => ({ ...lost, receipt: `1.${n}` })) },
      'settle',
    ],
  ])('%s', async (_, body, detail) => {
    expect(await transact(body)).toMatchObject({
      status: 400,
      json: { code: 'invalid-request', detail: expect.stringContaining(detail) },
    });
  });
});

test('in development, a queue is made by its first message, also for several at once', async () => {
  gateway = await createTestGateway({ isDevelopment: true });
  const sends = [
    { queue: 'new', body: 1 },
    { queue: 'new', body: 2 },
    { queue: 'newer', body: 3 },
  ];
  expect(await transact({ send: sends })).toMatchObject({ status: 200 });
  expect([await bodiesIn('new'), await bodiesIn('newer')]).toEqual([[1, 2], [3]]);
});
