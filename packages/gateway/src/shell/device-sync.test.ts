import {
  decodeDown,
  type DownFrame,
  encodeUp,
  FRAMES_MEDIA_TYPE,
  type Hello,
  packFrames,
  type Session,
  unpackFrames,
  type UpFrame,
} from '@fieldpost/protocol';
import { beforeEach, describe, expect, test } from 'vitest';
import { deviceId, epochId, hello, messageId, push, run, runOf, session } from '../testing/sample-frames.ts';
import { createTestGateway, type TestGateway } from '../testing/test-gateway.ts';

let gateway: TestGateway;

beforeEach(async () => {
  gateway = await createTestGateway();
  await gateway.call('PUT', '/v1/queues/orders', {});
});

describe('a request', () => {
  test('with a hello begins a session, and its pushes are of that session', async () => {
    const frames = await sync([hello(), push([runOf(1, 2)]), push([runOf(3, 3)])]);
    expect(frames).toMatchObject([
      { type: 'welcome', session: { number: 1 } },
      { type: 'ack', streams: [{ accepted: 2 }] },
      { type: 'ack', streams: [{ accepted: 3, acceptedId: messageId(3) }] },
    ]);
  });

  test('without one goes on in the session that its pushes name', async () => {
    const inForce = await greet();
    const later = push([runOf(1, 1)], { session: inForce, device: deviceId(1) });
    expect(await sync([later])).toMatchObject([{ type: 'ack', streams: [{ accepted: 1 }] }]);
  });

  test('of a session that was fenced takes nothing', async () => {
    const old = await greet();
    const inForce = await greet(old);
    const late = push([runOf(1, 1)], { session: old, device: deviceId(1) });
    expect(await sync([late])).toEqual([{ type: 'fenced', reason: 'newer-connection', session: inForce }]);
    expect(await ready()).toBe(0);
  });

  test('whose hello names another session than the one in force takes nothing of its pushes', async () => {
    const inForce = await greet();
    const frames = await sync([hello(), push([runOf(1, 1)], { session: inForce })]);
    expect(frames).toEqual([{ type: 'fenced', reason: 'newer-connection', session: inForce }]);
    expect(await ready()).toBe(0);
    expect(await sync([helloAfter(inForce), push([runOf(1, 1)])])).toMatchObject([
      { type: 'welcome' },
      { type: 'ack' },
    ]);
  });

  test('a rewind within it makes what came before it old', async () => {
    const frames = await sync([
      hello(),
      push([runOf(1, 1, { attempt: 1 })]),
      push([runOf(2, 2, { attempt: 0 })]),
    ]);
    expect(frames.slice(1)).toMatchObject([
      { streams: [{ accepted: 1 }] },
      { streams: [{ accepted: 1, attempt: 1 }] },
    ]);
  });

  test('close-epochs has no answer of its own', async () => {
    const inForce = await greet();
    const close: UpFrame = {
      type: 'close-epochs',
      session: inForce,
      device: deviceId(1),
      epochs: [epochId(1)],
    };
    expect(await sync([close])).toEqual([]);
    expect(await sync([{ ...close, session: session(9) }])).toMatchObject([{ type: 'fenced' }]);
  });

  test('ends an older live connection of the device', async () => {
    const received: DownFrame[] = [];
    const bearer = {
      subject: 'rep',
      expiresAt: gateway.clock.now() + 1000,
      grants: { send: [], receive: [], manage: [] },
    };
    const live = gateway.gateway.accept(bearer, {
      send: (frame) => received.push(decodeDown(frame)),
      disconnect: () => undefined,
    });
    live.received(encodeUp(hello()));
    await expect.poll(() => received).toHaveLength(1);
    const [welcome] = received;
    if (welcome?.type !== 'welcome') throw new TypeError('no welcome');
    await greet(welcome.session);
    expect(received.at(-1)).toMatchObject({
      type: 'fenced',
      reason: 'newer-connection',
      session: { number: 2 },
    });
  });
});

describe('a request that breaks the protocol takes nothing', () => {
  const malformed = push([run([], { messages: new Uint8Array([1]) })]);

  test.each<[string, UpFrame[], string]>([
    ['a hello behind a push', [push([runOf(1, 1)], { device: deviceId(1) }), hello()], 'unexpected-frame'],
    ['two hellos', [hello(), hello()], 'unexpected-frame'],
    ['a token', [hello(), { type: 'token', token: 'x' }], 'unexpected-frame'],
    ['a push of nobody', [push([runOf(1, 1)])], 'unexpected-frame'],
    [
      "a push of another device than the hello's",
      [hello(), push([runOf(1, 1)], { device: deviceId(2) })],
      'unexpected-frame',
    ],
    [
      'a push that is not packed behind a good one',
      [hello(), push([runOf(1, 1)]), malformed],
      'malformed-frame',
    ],
    [
      'more messages than a window',
      [hello(), ...[0, 1, 2].map(() => push([run(Array.from({ length: 4000 }, () => new Uint8Array(0)))]))],
      'malformed-frame',
    ],
  ])('%s', async (_, frames, code) => {
    expect(await send(packFrames(frames.map(encodeUp)))).toMatchObject({ json: { code } });
    expect(await ready()).toBe(0);
    const device = await gateway.store.transact({ device: deviceId(1) }, (snapshot) => ({
      changes: [],
      result: snapshot.device,
    }));
    expect(device).toBeUndefined();
  });

  test.each([
    new Uint8Array([1, 2]),
    packFrames([new Uint8Array([0xc1])]),
    packFrames(Array.from({ length: 65 }, () => encodeUp(hello()))),
  ])('bytes that are no frames %#', async (body) => {
    expect(await send(body)).toMatchObject({ status: 400, json: { code: 'malformed-frame' } });
  });
});

async function greet(lastSession?: Session): Promise<Session> {
  const [welcome] = await sync([helloAfter(lastSession)]);
  if (welcome?.type !== 'welcome') throw new TypeError(`no welcome: ${JSON.stringify(welcome)}`);
  return welcome.session;
}

function helloAfter(lastSession: Session | undefined): Hello {
  return lastSession === undefined ? hello() : hello({ lastSession });
}

async function sync(frames: readonly UpFrame[]): Promise<DownFrame[]> {
  const answer = await send(packFrames(frames.map(encodeUp)));
  if (!('bytes' in answer)) throw new TypeError(JSON.stringify(answer));
  return unpackFrames(answer.bytes).map(decodeDown);
}

async function send(
  body: Uint8Array<ArrayBuffer>,
): Promise<{ bytes: Uint8Array } | { status: number; json: unknown }> {
  const headers = { authorization: `Bearer ${await gateway.token()}`, 'content-type': FRAMES_MEDIA_TYPE };
  const request = new Request('http://gateway.test/v1/device/sync', { method: 'POST', headers, body });
  const response = await gateway.gateway.fetch(request);
  if (response.status !== 200) return { status: response.status, json: await response.json() };
  return { bytes: new Uint8Array(await response.arrayBuffer()) };
}

async function ready(): Promise<number> {
  const info = await gateway.store.getQueue('orders', gateway.clock.now());
  return info?.ready ?? -1;
}
