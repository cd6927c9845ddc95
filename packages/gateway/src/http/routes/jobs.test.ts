import { beforeEach, describe, expect, test } from 'vitest';
import { createTestGateway, type TestGateway } from '../../testing/test-gateway.ts';

const ORDERS = '/v1/queues/orders';

let gateway: TestGateway;

beforeEach(async () => {
  gateway = await createTestGateway();
  await gateway.call('PUT', ORDERS, { retryDelaysMs: [] });
});

describe('jobs', () => {
  test('a purge removes what is there, leased or not, and what a filter names', async () => {
    for (let body = 1; body <= 6; body++) await send({ body, label: body % 2 === 0 ? 'even' : 'odd' });
    const receipt = await receiveOne();
    expect(await ended('purge', { filter: { label: 'even' } })).toMatchObject({
      kind: 'purge',
      queue: 'orders',
      state: 'done',
      looked: 6,
      done: 3,
    });
    expect(await bodies()).toEqual([1, 3, 5]);
    expect(await ended('purge')).toMatchObject({ done: 3 });
    expect(await bodies()).toEqual([]);
    expect(await settle({ ack: [receipt] })).toMatchObject([{ code: 'lease-lost' }]);
  });

  test('a move keeps ids, order and priorities, leaves what is leased, and a redrive brings dead letters back', async () => {
    for (let body = 1; body <= 4; body++) await send({ body, priority: body === 4 ? 7 : 3 });
    const receipt = await receiveOne();
    expect(await ended('move', { target: 'orders;later' })).toMatchObject({ looked: 4, done: 3 });
    expect(await bodies('orders;later')).toEqual([1, 2, 3]);
    expect(await bodies()).toEqual([4]);
    await settle({ reject: [{ receipt, reason: 'torn' }] });
    expect(await ended('redrive', { filter: { code: 'max-deliveries' } })).toMatchObject({
      looked: 1,
      done: 0,
    });
    expect(await ended('redrive', { filter: { code: 'rejected-by-receiver' } })).toMatchObject({
      queue: 'orders;dead-letter',
      done: 1,
    });
    expect((await gateway.call('GET', `${ORDERS}/messages?bodies=auto`)).json).toMatchObject({
      messages: [
        {
          body: 4,
          priority: 7,
          deliveryCount: 0,
          lifetimeDeliveryCount: 1,
          history: [
            { queue: 'orders', code: 'rejected-by-receiver', reason: 'torn', deliveryCount: 1 },
            { queue: 'orders;dead-letter', code: 'redriven', deliveryCount: 0 },
          ],
        },
      ],
    });
    expect(await ended('move', { target: 'orders' }, 'orders;later')).toMatchObject({ done: 3 });
    expect((await gateway.call('GET', '/v1/queues')).json).toMatchObject({ queues: [{ name: 'orders' }] });
  });

  test('a job is held to its rate, tells how far it is, and can be cancelled', async () => {
    for (let body = 1; body <= 9; body++) await send({ body });
    const { json } = await gateway.call('POST', `${ORDERS}/purge`, { ratePerSecond: 8 });
    const { id } = json as { id: string };
    for (const done of [2, 4]) {
      await expect.poll(async () => job(id)).toMatchObject({ done, state: 'running', ratePerSecond: 8 });
      await expect.poll(() => gateway.clock.waiting).toBe(1);
      if (done < 4) gateway.clock.advance(250);
    }
    expect(await gateway.call('DELETE', `/v1/jobs/${id}`)).toMatchObject({
      status: 200,
      json: { state: 'cancelled', done: 4 },
    });
    gateway.clock.advance(10_000);
    await expect.poll(() => gateway.clock.waiting).toBe(0);
    expect(await bodies()).toHaveLength(5);
    expect(await gateway.call('DELETE', `/v1/jobs/${id}`)).toMatchObject({ json: { state: 'cancelled' } });
    expect(await gateway.call('GET', '/v1/jobs')).toMatchObject({ json: { jobs: [{ id }] } });
  });

  test('what a stopped gateway left undone goes on when it starts', async () => {
    for (let body = 1; body <= 5; body++) await send({ body });
    const now = gateway.clock.now();
    const id = '0190a000-0000-4000-8000-000000000001';
    await gateway.store.startJob({ id, kind: 'purge', queue: 'orders', filter: {}, now });
    await gateway.store.stepJob({ id, max: 2, now });
    await gateway.gateway.start();
    await expect.poll(async () => job(id)).toMatchObject({ state: 'done', done: 5 });
    await gateway.gateway.stop();
  });

  test('a move waits while the other queue is full', async () => {
    await gateway.call('PUT', '/v1/queues/small', { quotaMessages: 2, retryDelaysMs: [] });
    for (let body = 1; body <= 3; body++) await send({ body });
    const { json } = await gateway.call('POST', `${ORDERS}/move`, { target: 'small' });
    const { id } = json as { id: string };
    await expect.poll(() => gateway.clock.waiting).toBe(1);
    expect(await job(id)).toMatchObject({ state: 'running', done: 2 });
    const answer = await gateway.call('POST', '/v1/queues/small/receive', {});
    const { receipt } = (answer.json as { messages: [{ receipt: string }] }).messages[0];
    await gateway.call('POST', '/v1/queues/small/settle', { ack: [receipt] });
    gateway.clock.advance(5000);
    await expect.poll(async () => job(id)).toMatchObject({ state: 'done', done: 3 });
    expect(await bodies('small')).toEqual([2, 3]);
  });

  test('need the permissions', async () => {
    const token = await gateway.token({ manage: ['orders'], send: ['visits'] });
    const headers = { authorization: `Bearer ${token}` };
    const call = (path: string, body: unknown = {}) => gateway.call('POST', path, body, headers);
    expect(await call('/v1/queues/visits/purge')).toMatchObject({ status: 403 });
    expect(await call(`${ORDERS}/move`, { target: 'other' })).toMatchObject({ status: 403 });
    const { json } = await gateway.call('POST', `${ORDERS}/purge`, {});
    const other = { authorization: `Bearer ${await gateway.token({ manage: ['visits'] })}` };
    const path = `/v1/jobs/${(json as { id: string }).id}`;
    expect(await gateway.call('GET', path, undefined, other)).toMatchObject({ status: 404 });
    expect(await gateway.call('DELETE', path, undefined, other)).toMatchObject({ status: 404 });
    expect(await gateway.call('GET', '/v1/jobs', undefined, other)).toMatchObject({ json: { jobs: [] } });
  });

  test.each([
    ['purge', { ratePerSecond: 0 }],
    ['purge', { ratePerSecond: '1' }],
    ['purge', { filters: {} }],
    ['purge', { filter: { body: 1 } }],
    ['purge', { filter: { ids: [] } }],
    ['purge', { filter: { ids: ['x'] } }],
    ['purge', { filter: { priority: 8 } }],
    ['purge', { filter: { arrivedBefore: 'yesterday' } }],
    ['purge', { filter: { max: 0 } }],
    ['move', {}],
    ['move', { target: '' }],
    ['move', { target: 'orders' }],
    ['move', { target: 'orders;dead-letter' }],
    ['move', { target: 'orders;journal' }],
    ['move', { target: 'sys.dead-letter' }],
    ['redrive', { target: '../x' }],
  ])('%s with %j is refused', async (kind, body) => {
    expect(await gateway.call('POST', `${ORDERS}/${kind}`, body)).toMatchObject({
      status: 400,
      json: { code: 'invalid-request' },
    });
  });

  test('what is not there is told', async () => {
    expect(await gateway.call('POST', '/v1/queues/none/purge', {})).toMatchObject({ status: 404 });
    expect(await gateway.call('POST', `${ORDERS}/move`, { target: 'none' })).toMatchObject({ status: 404 });
    expect(await gateway.call('GET', '/v1/jobs/x')).toMatchObject({ status: 400 });
    expect(await gateway.call('GET', '/v1/jobs/0190a000-0000-4000-8000-000000000001')).toMatchObject({
      status: 404,
      json: { code: 'not-found' },
    });
  });
});

describe('pausing', () => {
  test('for receiving: nothing is handed out until it is resumed, and who waits is woken then', async () => {
    await send({ body: 1 });
    expect(await gateway.call('POST', `${ORDERS}/pause`, { sending: false })).toMatchObject({
      status: 200,
      json: { paused: 'receiving', ready: 1 },
    });
    const waiting = gateway.call('POST', `${ORDERS}/receive`, { waitMs: 20_000 });
    await expect.poll(() => gateway.clock.waiting).toBe(1);
    await send({ body: 2 });
    await expect.poll(() => gateway.clock.waiting).toBe(1);
    expect(await gateway.call('POST', `${ORDERS}/resume`)).toMatchObject({ json: { paused: 'no' } });
    expect(await waiting).toMatchObject({ json: { messages: [{ body: 1 }] } });
  });

  test('for sending: producers are told to come back', async () => {
    expect(await gateway.call('POST', `${ORDERS}/pause`, { receiving: false })).toMatchObject({
      json: { paused: 'sending' },
    });
    expect(await gateway.call('POST', `${ORDERS}/messages`, { body: 1 })).toMatchObject({
      status: 503,
      json: { code: 'queue-paused', retryAfterMs: 5000 },
    });
    expect(await gateway.call('POST', `${ORDERS}/pause`)).toMatchObject({ json: { paused: 'both' } });
    // Making it again is no change: how it stands is no setting.
    expect(await gateway.call('PUT', ORDERS, { retryDelaysMs: [] })).toMatchObject({ status: 200 });
    await gateway.call('POST', `${ORDERS}/resume`, { receiving: false });
    await send({ body: 1 });
  });

  test.each([{ receiving: 1 }, { all: true }, []])('%j is refused', async (body) => {
    expect(await gateway.call('POST', `${ORDERS}/pause`, body)).toMatchObject({ status: 400 });
  });

  test('needs the permission and the queue', async () => {
    const headers = { authorization: `Bearer ${await gateway.token({ manage: [] })}` };
    expect(await gateway.call('POST', `${ORDERS}/pause`, {}, headers)).toMatchObject({ status: 403 });
    expect(await gateway.call('POST', '/v1/queues/none/resume', {})).toMatchObject({ status: 404 });
  });
});

async function send(message: unknown): Promise<void> {
  expect(await gateway.call('POST', `${ORDERS}/messages`, message)).toMatchObject({ status: 200 });
}

async function receiveOne(): Promise<string> {
  const { json } = await gateway.call('POST', `${ORDERS}/receive`, {});
  return (json as { messages: [{ receipt: string }] }).messages[0].receipt;
}

async function settle(body: unknown): Promise<unknown> {
  return ((await gateway.call('POST', `${ORDERS}/settle`, body)).json as { results: unknown }).results;
}

async function bodies(queue = 'orders'): Promise<unknown[]> {
  const { json } = await gateway.call('GET', `/v1/queues/${queue}/messages?bodies=auto`);
  return (json as { messages: { body: unknown }[] }).messages.map(({ body }) => body);
}

async function job(id: string): Promise<unknown> {
  return (await gateway.call('GET', `/v1/jobs/${id}`)).json;
}

/** Begins a job and resolves with what it is when it has ended. */
async function ended(kind: string, body: unknown = {}, queue = 'orders'): Promise<unknown> {
  const answer = await gateway.call('POST', `/v1/queues/${queue}/${kind}`, body);
  expect(answer.status).toBe(202);
  const { id } = answer.json as { id: string };
  await expect.poll(async () => job(id)).not.toMatchObject({ state: 'running' });
  return job(id);
}
