import { encodeUp } from '@fieldpost/protocol';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Bystander } from './bystander.ts';
import { RawConnection } from './raw-connection.ts';
import { callApi, makeQueue, mintToken, openTarget, type Target, unusedSubject } from './target.ts';
import { expectFrame, newDeviceId, WireDevice } from './wire-device.ts';
import { openSocket } from './wire-link.ts';

let target: Target;
let bystander: Bystander;
beforeAll(async () => {
  target = await openTarget();
  bystander = await Bystander.open(target);
});
// After each bad input the good client's next message goes through, over the connection that it has had all along.
afterEach(() => bystander.deliverOne());
afterAll(async () => {
  await bystander.checkQueue();
  bystander.close();
  await target.close();
});

const UNKNOWN = newDeviceId();
const refused = { status: 400, code: 'invalid-request' };

describe('requests that make no sense are refused with a code', () => {
  test.each<[string, string, { status: number; code: string }]>([
    ['GET', '/v1/devices?limit=0', refused],
    ['GET', '/v1/devices?limit=-1', refused],
    ['GET', '/v1/devices?limit=1e9', refused],
    ['GET', '/v1/devices?limit=%00', refused],
    ['GET', '/v1/devices?cursor=', refused],
    ['GET', '/v1/devices?cursor=%27%20OR%201%3D1', refused],
    ['GET', `/v1/devices?cursor=${'0'.repeat(8_000)}`, refused],
    ['GET', '/v1/devices/x', refused],
    ['GET', '/v1/devices/%00', refused],
    ['GET', '/v1/devices/..%2Fqueues', refused],
    ['GET', `/v1/devices/${UNKNOWN}`, { status: 404, code: 'not-found' }],
    ['POST', '/v1/devices/x/revoke', refused],
    ['POST', `/v1/devices/${UNKNOWN}/revoke`, { status: 404, code: 'not-found' }],
    ['POST', `/v1/devices/${UNKNOWN}/reinstate`, { status: 404, code: 'not-found' }],
    ['POST', `/v1/devices/${UNKNOWN}/destroy`, { status: 404, code: 'not-found' }],
    ['GET', `/v1/devices/${UNKNOWN}/revoke`, { status: 405, code: 'method-not-allowed' }],
    ['DELETE', `/v1/devices/${UNKNOWN}`, { status: 405, code: 'method-not-allowed' }],
    ['GET', '/v1/lost-ranges?limit=257', refused],
    ['GET', '/v1/lost-ranges?cursor=', refused],
    ['GET', '/v1/lost-ranges?cursor=1.2.3', refused],
    ['GET', '/v1/lost-ranges?cursor=%2e%2e%2f', refused],
    ['GET', '/v1/lost-ranges?cursor=zzzzzzzzzzz.zzzzzzzzzzz.zzzzzzzzzzz.zzzzzzzzzzz', refused],
    ['POST', '/v1/lost-ranges', { status: 405, code: 'method-not-allowed' }],
    ['POST', '/metrics', { status: 405, code: 'method-not-allowed' }],
  ])('%s %s', async (method, path, { status, code }) => {
    const response = await callApi(target, method, path);
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(await response.json()).toMatchObject({ code });
  });

  test('a body where none belongs does no harm', async () => {
    const response = await callApi(target, 'POST', `/v1/devices/${UNKNOWN}/revoke`, { revoked: false });
    expect(response.status).toBe(404);
  });
});

describe('who may not manage every queue learns and does nothing', () => {
  test.each([
    ['GET', '/v1/devices'],
    ['GET', `/v1/devices/${UNKNOWN}`],
    ['POST', `/v1/devices/${UNKNOWN}/revoke`],
    ['POST', `/v1/devices/${UNKNOWN}/reinstate`],
  ])('%s %s', async (method, path) => {
    const call = async (token: string | undefined): Promise<Response> =>
      fetch(`${target.url}${path}`, {
        method,
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      });
    expect((await call(undefined)).status).toBe(401);
    for (const manage of [[], ['orders'], ['o*'], ['orders', 'v*']]) {
      const response = await call(await mintToken(target, { manage }));
      expect(response.status).toBe(403);
      expect(await response.json()).not.toHaveProperty('detail');
    }
  });

  test('a device cannot reinstate itself', async () => {
    const device = new WireDevice(await makeQueue(target));
    const subject = unusedSubject();
    const token = await mintToken(target, { subject, manage: [] });
    const link = await openSocket(target, token);
    link.send(encodeUp(device.helloFrame()));
    expectFrame(await link.next(), 'welcome');
    await callApi(target, 'POST', `/v1/devices/${device.device}/revoke`);
    expect(await link.next()).toEqual({ type: 'fenced', reason: 'revoked' });
    const own = await fetch(`${target.url}/v1/devices/${device.device}/reinstate`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
    });
    expect(own.status).toBe(403);
    const again = await openSocket(target, token);
    again.send(encodeUp(device.helloFrame()));
    expect(await again.next()).toEqual({ type: 'fenced', reason: 'revoked' });
    again.close();
    link.close();
  });
});

test('/metrics answers without a token, over and over, and says nothing of who asks', async () => {
  const answers = await Promise.all(
    Array.from({ length: 50 }, async () => {
      const response = await fetch(`${target.url}/metrics`, {
        headers: { authorization: 'Bearer nonsense' },
      });
      return { status: response.status, text: await response.text() };
    }),
  );
  for (const { status, text } of answers) {
    expect(status).toBe(200);
    expect(text).toContain('fieldpost_connections');
    expect(text).not.toContain('nonsense');
  }
});

test('a body that trickles holds up nobody', async () => {
  const raw = await RawConnection.open(target);
  const token = await mintToken(target);
  const queue = await makeQueue(target);
  raw.write(
    [
      `POST /v1/queues/${queue}/messages HTTP/1.1`,
      'Host: gateway',
      `Authorization: Bearer ${token}`,
      'Content-Type: application/json',
      'Content-Length: 4000000',
      '',
      '{"body":"',
    ].join('\r\n'),
  );
  for (let index = 0; index < 20; index++) {
    raw.write('x');
    await bystander.deliverOne();
  }
  raw.close();
});
