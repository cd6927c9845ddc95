import { decodeDown, type DownFrame, encodeUp, type Session, type UpFrame } from '@fieldpost/protocol';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Principal } from '../ports/authenticator.ts';
import type { FrameReceiver } from '../ports/frame-socket.ts';
import { deviceId, epochId, hello, messageId, principal, push, runOf } from '../testing/sample-frames.ts';
import { createTestGateway, type TestGateway } from '../testing/test-gateway.ts';

let gateway: TestGateway;

beforeEach(async () => {
  gateway = await createTestGateway();
  await gateway.call('PUT', '/v1/queues/orders', {});
});

describe('a connection', () => {
  test('greets, takes pushes that overtake their answers, and answers each in order', async () => {
    const device = new Device();
    const session = await device.greet();
    for (const first of [1, 3, 5]) device.send(push([runOf(first, first + 1)], { session }));
    expect((await device.frames(4)).slice(1)).toMatchObject(
      [2, 4, 6].map((accepted) => ({ type: 'ack', streams: [{ accepted }] })),
    );
    expect(await gateway.call('GET', '/v1/queues/orders')).toMatchObject({ json: { ready: 6 } });
  });

  test('shares what it took with those who wait for messages', async () => {
    const waiting = gateway.call('POST', '/v1/queues/orders/receive', { waitMs: 10_000 });
    await expect.poll(() => gateway.clock.waiting).toBe(1);
    const device = new Device();
    device.send(push([runOf(1, 1)], { session: await device.greet() }));
    expect((await waiting).json).toMatchObject({ messages: [{ id: messageId(1), device: deviceId(1) }] });
  });

  test('is closed without a hello in time', async () => {
    const device = new Device();
    gateway.clock.advance(10_000);
    expect(await device.frames(1)).toMatchObject([{ type: 'error', code: 'unexpected-frame' }]);
    expect(device.isConnected).toBe(false);
  });

  test('leaves no timer behind', async () => {
    const device = new Device();
    await device.greet();
    expect(gateway.clock.waiting).toBe(1);
    device.receiver.disconnected();
    expect(gateway.clock.waiting).toBe(0);
  });

  test('is told at the end of its token, and goes on with a newer one', async () => {
    const device = new Device(principal({ expiresAt: gateway.clock.now() + 1000 }));
    const session = await device.greet();
    gateway.clock.advance(1000);
    device.send(push([runOf(1, 1)], { session }));
    expect((await device.frames(3)).slice(1)).toMatchObject([
      { type: 'error', code: 'unauthorized' },
      { type: 'error', code: 'unauthorized' },
    ]);
    device.send({ type: 'token', token: await gateway.token({ subject: 'rep', send: ['orders'] }) });
    await expect.poll(() => gateway.clock.waiting).toBe(1);
    // The answer to the token is that pushes are taken again.
    await expect
      .poll(async () => {
        device.send(push([runOf(1, 1)], { session }));
        return (await device.frames(4)).at(-1);
      })
      .toMatchObject({ type: 'ack', streams: [{ accepted: 1 }] });
  });

  test('bytes that are no frame end it, with a code', async () => {
    const device = new Device();
    device.receiver.received(new Uint8Array([0xc1]));
    expect(await device.frames(1)).toMatchObject([{ type: 'error', code: 'malformed-frame' }]);
    expect(device.isConnected).toBe(false);
  });

  test('a store that fails ends it without an acknowledgement, and the failure is told', async () => {
    const device = new Device();
    const session = await device.greet();
    gateway.store.transact = () => Promise.reject(new Error('disk I/O error'));
    device.send(push([runOf(1, 1)], { session }));
    expect((await device.frames(2)).at(-1)).toMatchObject({ type: 'error', code: 'internal' });
    expect(device.isConnected).toBe(false);
    expect(gateway.failures).toHaveLength(1);
  });
});

test('whatever bytes come, a connection answers with frames or ends, and no fault of ours shows', async () => {
  const change = fc.record({
    at: fc.nat(),
    byte: fc.nat(255),
    cut: fc.boolean(),
    tail: fc.uint8Array({ maxLength: 4 }),
  });
  const bytes = fc.uint8Array({ maxLength: 200 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(change, { maxLength: 4 }),
      fc.array(bytes, { maxLength: 2 }),
      async (changes, noise) => {
        const device = new Device();
        const session = await device.greet();
        for (const { at, byte, cut, tail } of changes) {
          // A good frame with one byte changed, cut off, or with something behind it.
          const frame = encodeUp(push([runOf(1, 3)], { session }));
          frame[at % frame.length] = byte;
          const kept = cut ? frame.subarray(0, at % frame.length) : frame;
          device.receiver.received(Uint8Array.from([...kept, ...tail]));
        }
        for (const frame of noise) device.receiver.received(frame);
        device.receiver.disconnected();
      },
    ),
    { numRuns: 300 },
  );
  const faults = ['a connection failed', 'a frame could not be served'];
  expect(gateway.log.filter(({ message }) => faults.includes(message))).toEqual([]);
  expect(gateway.failures).toEqual([]);
});

describe('a newer session', () => {
  test('ends the older connection of the device, in band, and its late pushes', async () => {
    const older = new Device();
    const session = await older.greet();
    const newer = new Device();
    const inForce = await newer.greet();
    expect((await older.frames(2)).at(-1)).toEqual({
      type: 'fenced',
      reason: 'newer-connection',
      session: inForce,
    });
    expect(older.isConnected).toBe(false);
    newer.send(push([runOf(1, 1)], { session }));
    expect((await newer.frames(2)).at(-1)).toMatchObject({ type: 'fenced', session: inForce });
    expect(await gateway.call('GET', '/v1/queues/orders')).toMatchObject({ json: { ready: 0 } });
  });

  test('of another device ends nothing', async () => {
    const one = new Device();
    const session = await one.greet();
    await new Device().greet(deviceId(2));
    one.send(push([runOf(1, 1)], { session }));
    expect((await one.frames(2)).at(-1)).toMatchObject({ type: 'ack' });
  });

  test('of twenty that greet at once, one stays', async () => {
    const devices = Array.from({ length: 20 }, () => new Device());
    await Promise.all(devices.map((device) => device.greet()));
    await expect.poll(() => devices.filter(({ isConnected }) => isConnected)).toHaveLength(1);
  });
});

describe('a stop', () => {
  test('answers what was taken, then closes', async () => {
    const device = new Device();
    const session = await device.greet();
    device.send(push([runOf(1, 2)], { session }));
    await gateway.gateway.stop();
    expect((await device.frames(3)).slice(1)).toMatchObject([
      { type: 'ack', streams: [{ accepted: 2 }] },
      { type: 'error', code: 'shutting-down' },
    ]);
    expect(device.isConnected).toBe(false);
  });

  test('turns a connection away that comes after it', async () => {
    await gateway.gateway.stop();
    const device = new Device();
    expect(await device.frames(1)).toMatchObject([{ type: 'error', code: 'shutting-down' }]);
  });
});

test('closed epochs are closed in the store', async () => {
  const device = new Device();
  const session = await device.greet();
  device.send(push([runOf(1, 1)], { session }));
  device.send({ type: 'close-epochs', session, epochs: [epochId(1)] });
  const closedAt = (): Promise<number | undefined> =>
    gateway.store.transact({ epochs: [epochId(1)] }, (snapshot) => ({
      changes: [],
      result: snapshot.epochs.get(epochId(1))?.closedAt,
    }));
  await expect.poll(closedAt).toBe(gateway.clock.now());
});

/** The other end of a connection: a device, or what claims to be one. */
class Device {
  readonly receiver: FrameReceiver;
  isConnected = true;
  readonly #received: DownFrame[] = [];

  constructor(bearer: Principal = principal({ expiresAt: gateway.clock.now() + 3_600_000 })) {
    const socket = {
      send: (frame: Uint8Array): void => void this.#received.push(decodeDown(frame)),
      disconnect: (): void => void (this.isConnected = false),
    };
    this.receiver = gateway.gateway.accept(bearer, socket);
  }

  send(frame: UpFrame): void {
    this.receiver.received(encodeUp(frame));
  }

  async greet(device = deviceId(1)): Promise<Session> {
    this.send(hello({ device }));
    const [welcome] = await this.frames(1);
    if (welcome?.type !== 'welcome') throw new TypeError(`no welcome: ${JSON.stringify(welcome)}`);
    return welcome.session;
  }

  /** Everything that it received, once that is so many frames at least. */
  async frames(count: number): Promise<readonly DownFrame[]> {
    await expect.poll(() => this.#received.length, { interval: 1 }).toBeGreaterThanOrEqual(count);
    return this.#received;
  }
}
