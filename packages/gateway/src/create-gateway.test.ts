import { CodedError, CODES, encodeUp, FRAMES_MEDIA_TYPE, packFrames } from '@fieldpost/protocol';
import { describe, expect, test } from 'vitest';
import { PROBLEM_MEDIA_TYPE } from './http/problem.ts';
import { deviceId, epochId, hello, messageBytes, push, run, runOf } from './testing/sample-frames.ts';
import { createTestGateway, type TestGateway } from './testing/test-gateway.ts';

describe('every refusal is a problem with a code', () => {
  test.each<[string, string, unknown, Record<string, string>, number, string]>([
    ['GET', '/nowhere', undefined, {}, 404, 'not-found'],
    ['GET', '/', undefined, {}, 404, 'not-found'],
    ['POST', '/v1/dev/token', undefined, {}, 404, 'not-found'],
    ['DELETE', '/v1/queues', undefined, {}, 405, 'method-not-allowed'],
    ['GET', '/v1/queues', undefined, { authorization: '' }, 401, 'unauthorized'],
    ['GET', '/v1/queues', undefined, { authorization: 'Bearer' }, 401, 'unauthorized'],
    ['GET', '/v1/queues', undefined, { authorization: 'Basic eDp5' }, 401, 'unauthorized'],
    ['GET', '/v1/queues', undefined, { authorization: 'Bearer a b' }, 401, 'unauthorized'],
    ['GET', '/v1/queues', undefined, { authorization: `Bearer ${'x'.repeat(20_000)}` }, 401, 'unauthorized'],
    ['POST', '/v1/device/sync', '{}', {}, 415, 'unsupported-media-type'],
    ['POST', '/v1/device/sync', 'x', { 'content-type': FRAMES_MEDIA_TYPE }, 400, 'malformed-frame'],
  ])('%s %s %#', async (method, path, body, headers, status, code) => {
    const gateway = await createTestGateway();
    const answer = await gateway.call(method, path, body, headers);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe(PROBLEM_MEDIA_TYPE);
    expect(answer.json).toMatchObject({
      type: `urn:fieldpost:problem:${code}`,
      status,
      code,
      title: expect.any(String),
    });
  });

  test('a missing token is asked for, and nothing more is said', async () => {
    const gateway = await createTestGateway();
    const answer = await gateway.call('GET', '/v1/queues', undefined, { authorization: 'Bearer x.y.z' });
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    expect(answer.json).toEqual({
      type: 'urn:fieldpost:problem:unauthorized',
      title: CODES.unauthorized.meaning,
      status: 401,
      code: 'unauthorized',
    });
  });

  test('a method that is not served is answered with those that are', async () => {
    const gateway = await createTestGateway();
    const answer = await gateway.call('POST', '/v1/queues/orders', {});
    expect(answer.headers.get('allow')).toBe('GET, PUT, PATCH, DELETE');
  });

  test('a token counts until its end, and no longer', async () => {
    const gateway = await createTestGateway();
    const headers = {
      authorization: `Bearer ${await gateway.token({ expiresAt: gateway.clock.now() + 5000 })}`,
    };
    gateway.clock.advance(4999);
    expect((await gateway.call('GET', '/v1/queues', undefined, headers)).status).toBe(200);
    gateway.clock.advance(1);
    expect((await gateway.call('GET', '/v1/queues', undefined, headers)).status).toBe(401);
  });

  test('a full disk is told as that, with a time to come back', async () => {
    const gateway = await createTestGateway();
    gateway.store.listQueues = () => Promise.reject(new CodedError('store-full', 'no space left on /data'));
    const answer = await gateway.call('GET', '/v1/queues');
    expect(answer).toMatchObject({ status: 507, json: { code: 'store-full', retryAfterMs: 1000 } });
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(answer.text).not.toContain('/data');
    expect(gateway.failures).toEqual([]);
  });

  test('a fault of ours says nothing of itself, and stands in the log', async () => {
    const gateway = await createTestGateway();
    gateway.store.listQueues = () => Promise.reject(new Error('row 7 of the secret table'));
    const answer = await gateway.call('GET', '/v1/queues');
    expect(answer).toMatchObject({ status: 500, json: { code: 'internal' } });
    expect(answer.text).not.toContain('secret');
    expect(gateway.log).toContainEqual(
      expect.objectContaining({ level: 'error', message: 'a request failed' }),
    );
    expect(gateway.failures).toHaveLength(1);
  });
});

describe('operations', () => {
  test('a gateway is well and ready until it stops', async () => {
    const gateway = await createTestGateway();
    for (const path of ['/healthz', '/readyz']) {
      expect(await gateway.call('GET', path, undefined, { authorization: '' })).toMatchObject({
        status: 200,
        json: { status: 'ok' },
      });
    }
    await gateway.gateway.stop();
    expect(await gateway.call('GET', '/healthz')).toMatchObject({ status: 200 });
    expect(await gateway.call('GET', '/readyz')).toMatchObject({
      status: 503,
      json: { code: 'shutting-down', retryAfterMs: 1000 },
    });
  });

  test('in development mode tokens are for the asking, by this machine', async () => {
    const gateway = await createTestGateway({ isDevelopment: true });
    const local = { host: 'localhost:4100', authorization: '' };
    const free = await gateway.call('POST', '/v1/dev/token', undefined, local);
    const { token } = free.json as { token: string };
    expect(
      (await gateway.call('PUT', '/v1/queues/orders', {}, { authorization: `Bearer ${token}` })).status,
    ).toBe(201);
    const bound = await gateway.call(
      'POST',
      '/v1/dev/token',
      { sub: 'rep', send: ['orders'], receive: [], manage: [], expiresInSeconds: 60 },
      local,
    );
    expect(bound.json).toMatchObject({ expiresAt: '2027-01-15T08:01:00.000Z' });
    const headers = { authorization: `Bearer ${(bound.json as { token: string }).token}` };
    expect((await gateway.call('DELETE', '/v1/queues/orders', undefined, headers)).status).toBe(403);
    const elsewhere = await gateway.call('POST', '/v1/dev/token', undefined, {
      host: 'attacker.example:4100',
    });
    expect(elsewhere).toMatchObject({ status: 403, json: { code: 'access-denied' } });
  });

  test('pages of allowed origins may call, others get no leave', async () => {
    const gateway = await createTestGateway();
    const preflight = (origin: string) =>
      gateway.call('OPTIONS', '/v1/device/sync', undefined, {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      });
    const allowed = await preflight('https://app.example');
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://app.example');
    expect(allowed.headers.get('access-control-allow-headers')).toContain('authorization');
    for (const origin of [
      'https://app.example.evil',
      'http://app.example',
      'null',
      'https://app.example:444',
    ]) {
      expect((await preflight(origin)).headers.get('access-control-allow-origin')).toBeNull();
    }
    const refused = await gateway.call('GET', '/v1/queues', undefined, {
      origin: 'https://app.example',
      authorization: '',
    });
    expect(refused.headers.get('access-control-allow-origin')).toBe('https://app.example');
  });
});

describe('the description of the API', () => {
  test('names every route, with its problems', async () => {
    const gateway = await createTestGateway({ isDevelopment: true });
    const { json } = await gateway.call('GET', '/openapi.json', undefined, { authorization: '' });
    const document = json as {
      openapi: string;
      paths: Record<
        string,
        Record<
          string,
          { responses: Record<string, { description: string; content?: object }>; security?: object[] }
        >
      >;
    };
    expect(document.openapi).toMatch(/^3\.1/);
    const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    expect(routes.toSorted()).toEqual([
      'delete /v1/jobs/{id}',
      'delete /v1/queues/{queue}',
      'get /healthz',
      'get /metrics',
      'get /readyz',
      'get /v1/devices',
      'get /v1/devices/{id}',
      'get /v1/jobs',
      'get /v1/jobs/{id}',
      'get /v1/lost-ranges',
      'get /v1/messages/{id}',
      'get /v1/queues',
      'get /v1/queues/{queue}',
      'get /v1/queues/{queue}/messages',
      'get /v1/queues/{queue}/messages/{id}',
      'patch /v1/queues/{queue}',
      'post /v1/dev/token',
      'post /v1/device/sync',
      'post /v1/devices/{id}/reinstate',
      'post /v1/devices/{id}/revoke',
      'post /v1/queues/{queue}/messages',
      'post /v1/queues/{queue}/move',
      'post /v1/queues/{queue}/pause',
      'post /v1/queues/{queue}/purge',
      'post /v1/queues/{queue}/receive',
      'post /v1/queues/{queue}/redrive',
      'post /v1/queues/{queue}/resume',
      'post /v1/queues/{queue}/settle',
      'post /v1/transactions',
      'put /v1/queues/{queue}',
    ]);
    for (const methods of Object.values(document.paths)) {
      for (const { responses, security } of Object.values(methods)) {
        expect(responses['500']?.content).toHaveProperty([PROBLEM_MEDIA_TYPE]);
        if (security !== undefined) expect(responses['401']?.description).toContain('unauthorized');
      }
    }
  });

  test('is shown by a page that loads nothing from elsewhere', async () => {
    const gateway = await createTestGateway();
    const page = await gateway.call('GET', '/docs', undefined, { authorization: '' });
    expect(page.headers.get('content-type')).toContain('text/html');
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(page.text).not.toMatch(/https?:\/\//);
    const script = await gateway.call('GET', '/docs/api-reference.js', undefined, { authorization: '' });
    expect(script).toMatchObject({ status: 200 });
    expect(script.text.length).toBeGreaterThan(100_000);
  });
});

test('the log names what happened, and holds no body and no token', async () => {
  const gateway = await createTestGateway({ isDevelopment: true });
  const marks = { body: 'the-body-of-a-message', token: await gateway.token() };
  const entries = [messageBytes(1, { body: new TextEncoder().encode(JSON.stringify(marks.body)) })];
  const greeting = await sync(gateway, [encodeUp(hello()), encodeUp(push([run(entries)]))]);
  expect(greeting.status).toBe(200);
  await gateway.call('POST', '/v1/queues/orders/messages', { body: marks.body });
  await gateway.call('POST', '/v1/queues/orders/messages', `{"body":"${marks.body}"`);
  await gateway.call('GET', '/v1/queues', undefined, { authorization: `Bearer ${marks.token}x` });
  await gateway.call('POST', '/v1/queues/orders/receive', { max: 10 });
  await sync(gateway, [encodeUp(push([runOf(1, 1)], { device: deviceId(1) }))]);
  const text = JSON.stringify(gateway.log);
  expect(text).toContain('hello welcomed');
  expect(text).toContain('push accepted');
  for (const mark of Object.values(marks)) expect(text).not.toContain(mark);
});

async function sync(gateway: TestGateway, frames: readonly Uint8Array[]): Promise<Response> {
  const headers = { authorization: `Bearer ${await gateway.token()}`, 'content-type': FRAMES_MEDIA_TYPE };
  return gateway.gateway.fetch(
    new Request('http://gateway.test/v1/device/sync', { method: 'POST', headers, body: packFrames(frames) }),
  );
}

test('closed epochs are forgotten after as long as was set', async () => {
  const gateway = await createTestGateway({ producerIdRetentionMs: 3_600_000, epochRetentionMs: 86_400_000 });
  const now = gateway.clock.now();
  const epochs = [1, 2].map((number) => epochId(number));
  const [old = epochId(1), young = epochId(2)] = epochs;
  await gateway.store.transact({}, () => ({
    changes: [
      { type: 'put-epoch', row: { epoch: old, subject: 'rep', closedAt: now - 86_400_000 } },
      { type: 'put-epoch', row: { epoch: young, subject: 'rep', closedAt: now } },
    ],
    result: undefined,
  }));
  gateway.clock.advance(60_000);
  const retired = (): Promise<readonly string[]> =>
    gateway.store.transact({ epochs }, (snapshot) => ({ changes: [], result: [...snapshot.retired] }));
  await expect.poll(retired).toEqual([old]);
  await gateway.gateway.stop();
});
