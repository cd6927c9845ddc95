import { decodeDown, type DownFrame, encodeUp } from '@fieldpost/protocol';
import { beforeEach, describe, expect, test } from 'vitest';
import { deviceId, hello, principal, push, runOf, session } from '../../testing/sample-frames.ts';
import { sampleDevice } from '../../testing/sample-rows.ts';
import { createTestGateway, type TestGateway } from '../../testing/test-gateway.ts';

let gateway: TestGateway;

beforeEach(async () => {
  gateway = await createTestGateway();
});

describe('looking at devices', () => {
  test('a device that said hello is there, with what it said', async () => {
    const line = await connect();
    const json = {
      id: deviceId(1),
      subject: 'rep',
      client: 'suite',
      revoked: false,
      connected: true,
      session: 1,
      firstSeenAt: '2027-01-15T08:00:00.000Z',
      lastSeenAt: '2027-01-15T08:00:00.000Z',
      waitingMessages: 7,
      forks: 0,
    };
    expect(await gateway.call('GET', `/v1/devices/${deviceId(1)}`)).toMatchObject({ status: 200, json });
    expect(await gateway.call('GET', '/v1/devices')).toMatchObject({ json: { devices: [json] } });
    line.hangUp();
    expect((await gateway.call('GET', `/v1/devices/${deviceId(1).toUpperCase()}`)).json).toMatchObject({
      connected: false,
    });
  });

  test('a possible clone shows, with the last time', async () => {
    const row = { ...sampleDevice(), forks: 3, forkedAt: Date.UTC(2027, 0, 2) };
    await gateway.store.transact({}, () => ({ changes: [{ type: 'put-device', row }], result: undefined }));
    expect((await gateway.call('GET', `/v1/devices/${row.device}`)).json).toMatchObject({
      forks: 3,
      forkedAt: '2027-01-02T00:00:00.000Z',
    });
  });

  test('many devices come page by page', async () => {
    for (const number of [5, 2, 4, 1, 3]) {
      const row = sampleDevice(deviceId(number));
      await gateway.store.transact({}, () => ({ changes: [{ type: 'put-device', row }], result: undefined }));
    }
    const ids: string[] = [];
    let query = '?limit=2';
    for (let pages = 1; query !== ''; pages++) {
      const { json } = await gateway.call('GET', `/v1/devices${query}`);
      const { devices, cursor } = json as { devices: { id: string }[]; cursor?: string };
      ids.push(...devices.map(({ id }) => id));
      query = cursor === undefined ? '' : `?limit=2&cursor=${cursor}`;
      expect(pages).toBeLessThanOrEqual(3);
    }
    expect(ids).toEqual([1, 2, 3, 4, 5].map(deviceId));
  });

  test.each([
    ['GET', '/v1/devices?limit=0', 400, 'invalid-request'],
    ['GET', '/v1/devices?limit=257', 400, 'invalid-request'],
    ['GET', '/v1/devices?limit=ten', 400, 'invalid-request'],
    ['GET', '/v1/devices?cursor=x', 400, 'invalid-request'],
    ['GET', '/v1/devices/nobody', 400, 'invalid-request'],
    ['GET', `/v1/devices/${deviceId(9)}`, 404, 'not-found'],
    ['POST', '/v1/devices/nobody/revoke', 400, 'invalid-request'],
    ['POST', `/v1/devices/${deviceId(9)}/revoke`, 404, 'not-found'],
    ['POST', `/v1/devices/${deviceId(9)}/reinstate`, 404, 'not-found'],
    ['DELETE', `/v1/devices/${deviceId(9)}`, 405, 'method-not-allowed'],
  ])('%s %s is %d %s', async (method, path, status, code) => {
    expect(await gateway.call(method, path)).toMatchObject({ status, json: { code } });
  });

  test.each([
    ['GET', '/v1/devices'],
    ['GET', `/v1/devices/${deviceId(1)}`],
    ['POST', `/v1/devices/${deviceId(1)}/revoke`],
    ['POST', `/v1/devices/${deviceId(1)}/reinstate`],
  ])('%s %s takes a token that may manage every queue', async (method, path) => {
    await connect();
    const few = await gateway.token({ manage: ['orders', 'visits*'] });
    const headers = { authorization: `Bearer ${few}` };
    expect(await gateway.call(method, path, undefined, headers)).toMatchObject({
      status: 403,
      json: { code: 'access-denied' },
    });
    expect((await gateway.call(method, path, undefined, { authorization: 'none' })).status).toBe(401);
    expect((await gateway.call('GET', `/v1/devices/${deviceId(1)}`)).json).toMatchObject({ revoked: false });
  });
});

describe('a revoked device', () => {
  const revoke = (): ReturnType<TestGateway['call']> =>
    gateway.call('POST', `/v1/devices/${deviceId(1)}/revoke`);

  test('is fenced at once where it is connected', async () => {
    const line = await connect();
    expect(await revoke()).toMatchObject({ status: 200, json: { revoked: true, connected: false } });
    expect(await line.next()).toEqual({ type: 'fenced', reason: 'revoked' });
    expect(line.isConnected()).toBe(false);
    expect(gateway.log).toContainEqual({
      level: 'warn',
      message: 'a device was revoked',
      fields: { device: deviceId(1), by: 'rep' },
    });
  });

  test('is fenced also when its welcome was decided before and comes after', async () => {
    const transact = gateway.store.transact.bind(gateway.store);
    const line = open();
    let answerHello: () => void = () => undefined;
    gateway.store.transact = async (scope, decide) => {
      const result = await transact(scope, decide);
      await new Promise<void>((resolve) => (answerHello = resolve));
      return result;
    };
    line.send(hello({ device: deviceId(1) }));
    gateway.store.transact = transact;
    await expect.poll(async () => (await gateway.call('GET', `/v1/devices/${deviceId(1)}`)).status).toBe(200);
    await revoke();
    answerHello();
    await expect.poll(() => line.isConnected()).toBe(false);
    expect(line.received().at(-1)).toEqual({ type: 'fenced', reason: 'revoked' });
  });

  test('is refused at hello and push, until it is reinstated', async () => {
    await gateway.call('PUT', '/v1/queues/orders', {});
    const line = await connect();
    await revoke();
    await revoke();
    await expect.poll(() => line.isConnected()).toBe(false);
    const late = open();
    late.send(hello({ device: deviceId(1), lastSession: line.session() }));
    expect(await late.next()).toEqual({ type: 'fenced', reason: 'revoked' });

    const reinstated = await gateway.call('POST', `/v1/devices/${deviceId(1)}/reinstate`);
    expect(reinstated).toMatchObject({ status: 200, json: { revoked: false, session: 1 } });
    const again = await connect();
    again.send(push([runOf(1, 2)], { session: again.session() }));
    expect(await again.next()).toMatchObject({ type: 'ack', streams: [{ accepted: 2 }] });
    expect(await gateway.call('GET', '/v1/queues/orders')).toMatchObject({ json: { ready: 2 } });
  });
});

/** The other end of a connection. */
function open() {
  const received: DownFrame[] = [];
  let isConnected = true;
  let read = 0;
  const socket = {
    send: (frame: Uint8Array): void => void received.push(decodeDown(frame)),
    disconnect: (): void => void (isConnected = false),
  };
  const bearer = principal({ expiresAt: gateway.clock.now() + 3_600_000 });
  const receiver = gateway.gateway.accept(bearer, socket);
  return {
    received: () => received,
    isConnected: () => isConnected,
    hangUp: () => receiver.disconnected(),
    send: (frame: Parameters<typeof encodeUp>[0]) => receiver.received(encodeUp(frame)),
    session: () => {
      const welcome = received.find(({ type }) => type === 'welcome');
      return welcome?.type === 'welcome' ? welcome.session : session(1);
    },
    async next(): Promise<DownFrame | undefined> {
      await expect.poll(() => received.length, { interval: 1 }).toBeGreaterThan(read);
      return received[read++];
    },
  };
}

async function connect(): Promise<ReturnType<typeof open>> {
  const line = open();
  line.send(
    hello({
      device: deviceId(1),
      client: 'suite',
      waiting: { messages: 7, bytes: 70, oldestAgeMs: 0 },
    }),
  );
  expect(await line.next()).toMatchObject({ type: 'welcome' });
  return line;
}
