import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Bystander } from './bystander.ts';
import { callApi, makeQueue, mintToken, openTarget, readQueue, type Target } from './target.ts';

let target: Target;
let bystander: Bystander;
beforeAll(async () => {
  target = await openTarget();
  bystander = await Bystander.open(target);
});
afterEach(() => bystander.deliverOne());
afterAll(async () => {
  await bystander.checkQueue();
  bystander.close();
  await target.close();
});

interface Lease {
  readonly queue: string;
  readonly receipt: string;
}

async function call(path: string, body: unknown): Promise<{ status: number; json: Record<string, unknown> }> {
  const response = await callApi(target, 'POST', path, body);
  return { status: response.status, json: (await response.json()) as Record<string, unknown> };
}

const transact = (body: unknown) => call('/v1/transactions', body);
const bodiesIn = async (queue: string): Promise<string[]> =>
  (await readQueue(target, queue)).map(({ body }) => body);

async function leased(count: number, leaseMs = 30_000): Promise<Lease[]> {
  const queue = await makeQueue(target);
  const messages = Array.from({ length: count }, (_, index) => ({ body: index + 1 }));
  await call(`/v1/queues/${queue}/messages`, { messages });
  const { json } = await call(`/v1/queues/${queue}/receive`, { max: count, leaseMs });
  return (json['messages'] as { receipt: string }[]).map(({ receipt }) => ({ queue, receipt }));
}

const ack = (lease: Lease | undefined): unknown => ({ ...lease, outcome: 'ack' });

describe('a transaction', () => {
  test('settles and sends over several queues, and the same again gives the same answer', async () => {
    const [first, second] = await leased(2);
    const [other] = await leased(1);
    const to = await makeQueue(target);
    const request = {
      settle: [ack(first), ack(other), { ...second, outcome: 'release' }],
      send: [
        { queue: to, body: 'a' },
        { queue: first?.queue, body: 'b' },
      ],
    };
    const answer = await transact(request);
    expect(answer).toMatchObject({ status: 200, json: { messages: [{}, {}] } });
    expect(await transact(request)).toEqual(answer);
    expect(await bodiesIn(first?.queue ?? '')).toEqual(['2', '"b"']);
    expect(await bodiesIn(other?.queue ?? '')).toEqual([]);
    expect(await bodiesIn(to)).toEqual(['"a"']);
  });

  test('ten at once on the same lease: one of them does it', async () => {
    const [lease] = await leased(1);
    const to = await makeQueue(target);
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, body) =>
        transact({ settle: [ack(lease)], send: [{ queue: to, body }] }),
      ),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ json }) => json['code'] === 'lease-lost')).toHaveLength(9);
    expect(await bodiesIn(to)).toHaveLength(1);
  });
});

describe('a transaction that does nothing', () => {
  test('on a lease that ended, was settled, is made up, or is of another queue', async () => {
    const [good, settled] = await leased(2);
    const [elsewhere] = await leased(1);
    await call(`/v1/queues/${settled?.queue}/settle`, { ack: [settled?.receipt] });
    const to = await makeQueue(target);
    const lost = [
      settled,
      { queue: good?.queue, receipt: elsewhere?.receipt },
      { queue: good?.queue, receipt: '0.0' },
      { queue: good?.queue, receipt: 'zzzzzzzzzzz.x' },
      { queue: good?.queue, receipt: '\u0000' },
      { queue: `${good?.queue};dead-letter`, receipt: good?.receipt },
    ];
    for (const lease of lost) {
      const settle = [{ ...lease, outcome: 'ack' }];
      expect(await transact({ settle, send: [{ queue: to, body: 1 }] })).toMatchObject({
        status: 409,
        json: { code: 'lease-lost' },
      });
    }
    expect(await bodiesIn(to)).toEqual([]);
    expect(await transact({ settle: [ack(good), ack(elsewhere)] })).toMatchObject({ status: 200 });
  });

  test('to a queue that is not there, or that has no room for the last message', async () => {
    const [lease] = await leased(1);
    const to = await makeQueue(target, { maxBodyBytes: 10 });
    for (const [code, last] of [
      ['queue-not-found', { queue: 'wire-no-such-queue', body: 1 }],
      ['too-large', { queue: to, body: 'x'.repeat(100) }],
    ] as const) {
      const answer = await transact({ settle: [ack(lease)], send: [{ queue: to, body: 1 }, last] });
      expect(answer).toMatchObject({ json: { code } });
    }
    expect(await bodiesIn(to)).toEqual([]);
    expect(await transact({ settle: [ack(lease)] })).toMatchObject({ status: 200 });
  });

  test('with a token that allows only a part of it', async () => {
    const [lease] = await leased(1);
    const to = await makeQueue(target);
    const body = JSON.stringify({ settle: [ack(lease)], send: [{ queue: to, body: 1 }] });
    for (const grants of [{ receive: [] }, { send: [] }, { send: [lease?.queue ?? ''] }]) {
      const authorization = `Bearer ${await mintToken(target, grants)}`;
      const headers = { authorization, 'content-type': 'application/json' };
      const response = await fetch(`${target.url}/v1/transactions`, { method: 'POST', headers, body });
      expect(await response.json()).toMatchObject({ status: 403, code: 'access-denied' });
    }
    expect(await bodiesIn(to)).toEqual([]);
  });

  test.each<[string, unknown]>([
    ['null', null],
    ['a text', 'settle'],
    ['nothing', {}],
    ['a settle that is no list', { settle: { queue: 'orders' } }],
    ['a receipt that is no text', { settle: [{ queue: 'orders', receipt: 1, outcome: 'ack' }] }],
    ['an empty receipt', { settle: [{ queue: 'orders', receipt: '', outcome: 'ack' }] }],
    ['a receipt too long', { settle: [{ queue: 'orders', receipt: 'x'.repeat(257), outcome: 'ack' }] }],
    ['an unknown outcome', { settle: [{ queue: 'orders', receipt: 'x', outcome: '__proto__' }] }],
    [
      'a reason with control characters',
      { settle: [{ queue: 'orders', receipt: 'x', outcome: 'reject', reason: '\u0007' }] },
    ],
    ['a queue name that climbs', { send: [{ queue: '../orders', body: 1 }] }],
    ['a system subqueue', { send: [{ queue: 'orders;dead-letter', body: 1 }] }],
    ['both kinds of body', { send: [{ queue: 'orders', body: 1, bodyBase64: 'AA==' }] }],
    ['a priority out of range', { send: [{ queue: 'orders', body: 1, priority: 8 }] }],
    ['more messages than a request has', { send: Array(1025).fill({ queue: 'orders', body: 1 }) }],
  ])('of %s', async (_, body) => {
    expect(await transact(body)).toMatchObject({ status: 400, json: { code: 'invalid-request' } });
  });

  test('larger than a request may be', async () => {
    const [lease] = await leased(1);
    const send = Array.from({ length: 9 }, () => ({ queue: lease?.queue, body: 'x'.repeat(1_000_000) }));
    expect(await transact({ settle: [ack(lease)], send })).toMatchObject({
      status: 413,
      json: { code: 'payload-too-large' },
    });
    expect(await bodiesIn(lease?.queue ?? '')).toEqual(['1']);
  });
});
