import { beforeEach, describe, expect, test } from 'vitest';
import { createTestGateway, type TestGateway } from '../../testing/test-gateway.ts';

let gateway: TestGateway;

beforeEach(async () => {
  gateway = await createTestGateway();
});

describe('making', () => {
  test('a queue is made once; repeating the call changes nothing', async () => {
    const made = await gateway.call('PUT', '/v1/queues/orders', {});
    expect(made).toMatchObject({
      status: 201,
      json: {
        name: 'orders',
        maxBodyBytes: 1_048_576,
        createdAt: '2027-01-15T08:00:00.000Z',
        ready: 0,
        leased: 0,
        delayed: 0,
        bytes: 0,
      },
    });
    gateway.clock.advance(1000);
    expect(await gateway.call('PUT', '/v1/queues/orders', {})).toMatchObject({
      status: 200,
      json: made.json,
    });
  });

  test('one with other settings is a conflict and stays as it was', async () => {
    await gateway.call('PUT', '/v1/queues/orders', { maxBodyBytes: 10 });
    expect(await gateway.call('PUT', '/v1/queues/orders', {})).toMatchObject({
      status: 409,
      json: { code: 'queue-exists' },
    });
    expect(await gateway.call('GET', '/v1/queues/orders')).toMatchObject({ json: { maxBodyBytes: 10 } });
  });

  test.each([0, -1, 1.5, 4_194_305, '10', null])('maxBodyBytes %j is refused', async (maxBodyBytes) => {
    const answer = await gateway.call('PUT', '/v1/queues/orders', { maxBodyBytes });
    expect(answer).toMatchObject({
      status: 400,
      json: { code: 'invalid-request', detail: expect.stringContaining('body.maxBodyBytes') },
    });
  });

  test.each([
    'Orders',
    '-a',
    'a%2Fb',
    'a%00',
    '..%2Fsecret',
    `${'a'.repeat(129)}`,
    'a%20b',
    '%2A',
    'a%3Bdead-letter',
    'sys.audit',
  ])('the name %s is refused', async (name) => {
    expect(await gateway.call('PUT', `/v1/queues/${name}`, {})).toMatchObject({
      status: 400,
      json: { code: 'invalid-request' },
    });
    expect(await gateway.store.listQueues(0)).toEqual([]);
  });
});

test('settings change by PATCH, and what is not named stays', async () => {
  await gateway.call('PUT', '/v1/queues/orders', { maxBodyBytes: 10 });
  expect(await gateway.call('PATCH', '/v1/queues/orders', {})).toMatchObject({
    status: 200,
    json: { maxBodyBytes: 10 },
  });
  expect(await gateway.call('PATCH', '/v1/queues/orders', { maxBodyBytes: 20 })).toMatchObject({
    json: { maxBodyBytes: 20 },
  });
  expect(await gateway.call('PATCH', '/v1/queues/none', {})).toMatchObject({
    status: 404,
    json: { code: 'queue-not-found' },
  });
});

describe('deleting', () => {
  test('an empty queue goes; a missing one is not found', async () => {
    await gateway.call('PUT', '/v1/queues/orders', {});
    expect(await gateway.call('DELETE', '/v1/queues/orders')).toMatchObject({ status: 204 });
    expect(await gateway.call('DELETE', '/v1/queues/orders')).toMatchObject({
      status: 404,
      json: { code: 'queue-not-found' },
    });
  });

  test('one that holds messages goes only with them, leased ones too', async () => {
    await gateway.call('PUT', '/v1/queues/orders', {});
    await gateway.call('POST', '/v1/queues/orders/messages', { body: 1 });
    await gateway.call('POST', '/v1/queues/orders/receive', {});
    expect(await gateway.call('DELETE', '/v1/queues/orders')).toMatchObject({
      status: 409,
      json: { code: 'queue-not-empty' },
    });
    expect(await gateway.call('DELETE', '/v1/queues/orders?messages=delete')).toMatchObject({ status: 204 });
    expect(gateway.failures).toEqual([]);
  });
});

describe('who may', () => {
  const only = (grant: 'send' | 'receive' | 'manage', pattern: string) => ({
    send: [],
    receive: [],
    manage: [],
    [grant]: [pattern],
  });

  beforeEach(async () => {
    for (const name of ['orders', 'visits']) await gateway.call('PUT', `/v1/queues/${name}`, {});
  });

  test.each<['send' | 'receive' | 'manage', string, string[]]>([
    ['receive', 'orders', ['orders']],
    ['manage', 'vis*', ['visits']],
    ['send', '*', []],
    ['receive', '*', ['orders', 'visits']],
  ])('a token for %s on %s sees %j', async (grant, pattern, names) => {
    const headers = { authorization: `Bearer ${await gateway.token(only(grant, pattern))}` };
    const { json } = await gateway.call('GET', '/v1/queues', undefined, headers);
    expect(json).toMatchObject({ queues: names.map((name) => ({ name })) });
    expect((json as { queues: unknown[] }).queues).toHaveLength(names.length);
  });

  test.each([
    ['PUT', '/v1/queues/visits', {}],
    ['PATCH', '/v1/queues/visits', {}],
    ['DELETE', '/v1/queues/visits', undefined],
    ['GET', '/v1/queues/visits', undefined],
    ['POST', '/v1/queues/visits/messages', { body: 1 }],
    ['GET', '/v1/queues/visits/messages', undefined],
    ['POST', '/v1/queues/visits/receive', {}],
    ['POST', '/v1/queues/visits/settle', { ack: ['x'] }],
    ['POST', '/v1/queues/none/receive', {}],
  ])('%s %s is denied to who may do everything with orders alone', async (method, path, body) => {
    const token = await gateway.token({ send: ['orders'], receive: ['orders'], manage: ['orders'] });
    const answer = await gateway.call(method, path, body, { authorization: `Bearer ${token}` });
    expect(answer).toMatchObject({ status: 403, json: { code: 'access-denied' } });
    expect(answer.json).not.toHaveProperty('detail');
  });

  test.each([
    '//v1/queues',
    '/v1//queues',
    '/v1/queues%2Forders',
    '/v1/%71ueues',
    '/V1/queues',
    '/v1/queues/',
    '/v1/./queues/../queues',
  ])('%s gets past no check of the token', async (path) => {
    const answer = await gateway.call('GET', path, undefined, { authorization: '' });
    expect(answer.status === 401 || answer.status === 404).toBe(true);
    expect(answer.json).toHaveProperty('code');
  });
});
