import { LIMITS, unpackEntries } from '@fieldpost/protocol';
import { MemoryDatabase, SignalBus } from '@fieldpost/sdk/testing';
import { describe, expect, test } from 'vitest';
import {
  answerPush,
  idsOf,
  only,
  runsOf,
  ScriptedDevice,
  state,
  takenState,
} from '../support/scripted-device.ts';
import { twoTabs } from '../support/two-tabs.ts';

// Messages whose time runs out on the device, with the test as its gateway.

const HOUR_MS = 3_600_000;
const EXPIRED = { outcome: 'expired', code: 'reach-timeout' };

describe('offline', () => {
  test('a message expires in its time, is set aside with its body, and is no longer pending', async () => {
    const device = await ScriptedDevice.open();
    const orders = device.post.queue('orders');
    const sent = await orders.send({ n: 1 }, { timeToReachQueueMs: HOUR_MS });
    await orders.send({ n: 2 });
    await device.pass(HOUR_MS - 10_000);
    expect(device.post.status.get()).toMatchObject({ pending: 2, deadLetters: 0 });
    await device.pass(10_000);
    expect(await sent.delivered).toEqual(EXPIRED);
    expect(device.post.status.get()).toMatchObject({ pending: 1, deadLetters: 1 });
    const expired = await device.post.outbox.list({ state: 'expired' });
    expect(expired).toMatchObject([{ id: sent.id, code: 'reach-timeout', body: { n: 1 } }]);
    expect((await device.post.outbox.list({ state: 'pending' })).map(({ body }) => body)).toEqual([{ n: 2 }]);
  });

  test('its bytes are in the log no more: discarding it frees its space at once', async () => {
    const device = await ScriptedDevice.open();
    const sent = await device.post.queue('orders').send('x'.repeat(50_000), { timeToLiveMs: HOUR_MS });
    await device.pass(HOUR_MS);
    expect(await sent.delivered).toEqual({ outcome: 'expired', code: 'receive-timeout' });
    expect(device.post.status.get()).toMatchObject({ pending: 0, bytes: 0, oldestAgeMs: undefined });
    expect(storedBytes(device.database)).toBeLessThan(100);
    await device.post.outbox.discard(sent.id);
    expect(await device.post.outbox.get(sent.id)).toMatchObject({ state: 'expired', body: undefined });
  });

  test('it leaves the device as a skip, and what stands behind it flows', async () => {
    const device = await ScriptedDevice.open();
    const orders = device.post.queue('orders');
    const [first, second] = await Promise.all([
      orders.send(1, { timeToReachQueueMs: HOUR_MS }),
      orders.send(2, { timeToReachQueueMs: 2 * HOUR_MS }),
    ]);
    await device.pass(HOUR_MS);
    await device.reconnect();
    const connection = await device.greet();
    const run = only(runsOf(connection));
    expect(run.skips).toEqual([{ index: 0, id: first.id, code: 'reach-timeout' }]);
    expect(idsOf(run)).toEqual([first.id, second.id]);
    answerPush(connection);
    expect(await second.delivered).toEqual({ outcome: 'delivered' });
    expect(await first.delivered).toEqual(EXPIRED);
    expect(device.post.status.get()).toMatchObject({ pending: 0, deadLetters: 1 });
    expect(device.database.skips.size).toBe(0);
  });

  test('each message of a segment expires in its own time; time to live wins where both have run out', async () => {
    const device = await ScriptedDevice.open();
    const orders = device.post.queue('orders');
    const sent = await Promise.all([
      orders.send(1, { timeToReachQueueMs: 3_000 }),
      orders.send(2, { timeToReachQueueMs: 1_000, timeToLiveMs: 1_000 }),
      orders.send(3, { timeToLiveMs: 2_000 }),
      orders.send(4),
    ]);
    const codes = async (): Promise<readonly (string | undefined)[]> => {
      const messages = await Promise.all(sent.map(({ id }) => device.post.outbox.get(id)));
      return messages.map((message) => message?.code);
    };
    await device.pass(1_000);
    expect(await codes()).toEqual([undefined, 'receive-timeout', undefined, undefined]);
    await device.pass(1_000);
    expect(await codes()).toEqual([undefined, 'receive-timeout', 'receive-timeout', undefined]);
    await device.pass(1_000);
    expect(await codes()).toEqual(['reach-timeout', 'receive-timeout', 'receive-timeout', undefined]);
  });

  test('thousands that expire at once are set aside in several settlements', async () => {
    const device = await ScriptedDevice.open();
    const orders = device.post.queue('orders');
    const sent = await Promise.all(
      Array.from({ length: 3_000 }, (_, n) => orders.send(n, { timeToLiveMs: HOUR_MS })),
    );
    let settlements = 0;
    device.database.fault = (operation) => {
      if (operation === 'settle') settlements++;
      return 'none';
    };
    await device.pass(HOUR_MS);
    await Promise.all(sent.map(({ delivered }) => delivered));
    expect(device.post.status.get()).toMatchObject({ pending: 0, deadLetters: 3_000 });
    expect(settlements).toBeGreaterThan(1);
  });

  test('a store that fails is asked again, and nobody hears of it before it is written', async () => {
    const device = await ScriptedDevice.open();
    const sent = await device.post.queue('orders').send(1, { timeToLiveMs: 1_000 });
    let fails = true;
    device.database.fault = (operation) => (operation === 'settle' && fails ? 'dead' : 'none');
    let heard: unknown;
    const waiting = sent.delivered.then((delivery) => (heard = delivery));
    await device.pass(5_000);
    expect(heard).toBeUndefined();
    fails = false;
    await device.pass(LIMITS.backoffMaxMs);
    await waiting;
    expect(heard).toMatchObject({ outcome: 'expired' });
  });

  test('a tab that does not lead hears of it, too', async () => {
    const { leader, follower } = await twoTabs(new SignalBus());
    const sent = await follower.post.queue('orders').send(1, { timeToLiveMs: 1_000 });
    await leader.pass(2_000);
    expect(await sent.delivered).toEqual({ outcome: 'expired', code: 'receive-timeout' });
    expect(follower.post.status.get()).toMatchObject({ pending: 0, deadLetters: 1 });
  });

  test('it is told after a reload, and never sent', async () => {
    const database = new MemoryDatabase();
    const before = await ScriptedDevice.open({ database });
    const sent = await before.post.queue('orders').send(1, { timeToLiveMs: 1_000 });
    await before.pass(1_000);
    await before.post.close();
    const after = await ScriptedDevice.open({ database, clock: before.clock, seed: 'later' });
    expect(after.post.status.get()).toMatchObject({ pending: 0 });
    const message = await after.post.outbox.get(sent.id);
    expect(message).toMatchObject({ state: 'expired', code: 'receive-timeout', body: 1 });
    const run = only(runsOf(await after.greet()));
    expect(run.skips).toEqual([{ index: 0, id: sent.id, code: 'receive-timeout' }]);
    expect(unpackEntries(run.messages, 1)[0]).toHaveLength(0);
  });
});

describe('a clock that was set', () => {
  test.each([-50, 20])('by %i years expires nothing', async (years) => {
    const database = new MemoryDatabase();
    const before = await ScriptedDevice.open({ database });
    await before.greet([], {}, { serverTimeMs: before.clock.wallMs() });
    before.socket.latest.end();
    const sent = await before.post.queue('orders').send(1, { timeToReachQueueMs: HOUR_MS });
    await before.post.close();
    before.clock.jumpWall(years * 365 * 24 * HOUR_MS);
    const after = await ScriptedDevice.open({ database, clock: before.clock, seed: 'later' });
    await after.pass(HOUR_MS / 2);
    expect(await after.post.outbox.get(sent.id)).toMatchObject({ state: 'pending' });
    await after.pass(HOUR_MS / 2);
    expect(await after.post.outbox.get(sent.id)).toMatchObject({ state: 'expired' });
  });

  test('what was saved while it stood in 1970 is sent when it is right again', async () => {
    const database = new MemoryDatabase();
    const before = await ScriptedDevice.open({ database });
    await before.greet([], {}, { serverTimeMs: before.clock.wallMs() });
    before.socket.latest.end();
    before.clock.jumpWall(-50 * 365 * 24 * HOUR_MS);
    const sent = await before.post.queue('orders').send(1, { timeToReachQueueMs: HOUR_MS });
    await before.post.close();
    before.clock.jumpWall(50 * 365 * 24 * HOUR_MS);
    const after = await ScriptedDevice.open({ database, clock: before.clock, seed: 'later' });
    const connection = await after.greet([], {}, { serverTimeMs: after.clock.wallMs() });
    expect(idsOf(only(runsOf(connection)))).toEqual([sent.id]);
    expect(await after.post.outbox.get(sent.id)).toMatchObject({ state: 'pending' });
  });

  test('what grew old between two starts expires when the gateway bears the clock out, before anything is sent', async () => {
    const database = new MemoryDatabase();
    const before = await ScriptedDevice.open({ database });
    await before.greet([], {}, { serverTimeMs: before.clock.wallMs() });
    before.socket.latest.end();
    const sent = await before.post.queue('orders').send(1, { timeToReachQueueMs: HOUR_MS });
    await before.post.close();
    before.clock.jumpWall(2 * HOUR_MS);
    const after = await ScriptedDevice.open({ database, clock: before.clock, seed: 'later' });
    const connection = await after.greet([], {}, { serverTimeMs: after.clock.wallMs() });
    expect(only(runsOf(connection)).skips).toMatchObject([{ code: 'reach-timeout' }]);
    expect(await after.post.outbox.get(sent.id)).toMatchObject({ state: 'expired', body: 1 });
  });
});

describe('what may have been sent', () => {
  test('the answer decides: it was in time', async () => {
    const device = await ScriptedDevice.open();
    const sent = await device.post.queue('orders').send(1, { timeToReachQueueMs: HOUR_MS });
    const run = only(runsOf(await device.greet()));
    device.socket.latest.end();
    await device.pass(HOUR_MS);
    expect(await device.post.outbox.get(sent.id)).toMatchObject({ state: 'pending' });
    await device.greet([state(run, 1, sent.id)]);
    expect(await sent.delivered).toEqual({ outcome: 'delivered' });
    expect(device.post.status.get()).toMatchObject({ pending: 0, deadLetters: 0 });
  });

  test('the answer decides: it had not arrived, and goes as a skip', async () => {
    const device = await ScriptedDevice.open();
    const sent = await device.post.queue('orders').send({ n: 1 }, { timeToReachQueueMs: HOUR_MS });
    await device.greet();
    device.socket.latest.end();
    await device.pass(HOUR_MS);
    const connection = await device.greet();
    const run = only(runsOf(connection));
    expect(run.skips).toEqual([{ index: 0, id: sent.id, code: 'reach-timeout' }]);
    connection.answer({ type: 'ack', streams: [takenState(run)] });
    expect(await sent.delivered).toEqual(EXPIRED);
    const [letter] = await device.post.outbox.list({ state: 'expired' });
    expect(letter).toMatchObject({ id: sent.id, body: { n: 1 } });
  });

  test('the gateway refuses what ran out on the way: expired all the same', async () => {
    const device = await ScriptedDevice.open();
    const sent = await device.post.queue('orders').send(1, { timeToReachQueueMs: HOUR_MS });
    const connection = await device.greet();
    const run = only(runsOf(connection));
    const refusals = [{ number: 1, id: sent.id, code: 'reach-timeout' }];
    connection.answer({ type: 'ack', streams: [{ ...takenState(run), refusals }] });
    expect(await sent.delivered).toEqual(EXPIRED);
    expect(await device.post.outbox.list({ state: 'expired' })).toHaveLength(1);
  });
});

function storedBytes({ segments }: MemoryDatabase): number {
  return [...segments.values()].reduce((bytes, { messages }) => bytes + (messages?.length ?? 0), 0);
}
