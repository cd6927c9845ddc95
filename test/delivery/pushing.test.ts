import { LIMITS, type StreamState } from '@fieldpost/protocol';
import { ManualClock, MemoryDatabase, type ScriptedConnection, SignalBus } from '@fieldpost/sdk/testing';
import { describe, expect, test } from 'vitest';
import { SimLock } from '../simulation/device/sim-lock.ts';
import {
  answeredPushes,
  answerPush,
  helloOf,
  numbersOf,
  only,
  pushesOf,
  runsOf,
  ScriptedDevice,
  state,
  takenState,
} from '../support/scripted-device.ts';

// What the device pushes, with the test as its gateway.

const ZERO_ID = '00000000-0000-0000-0000-000000000000';

describe('pushing', () => {
  test('what was saved together goes as it was saved; what is saved while online goes at once', async () => {
    const device = await ScriptedDevice.open();
    const orders = device.post.queue('orders');
    await Promise.all([orders.send(1), orders.send(2), orders.send(3)]);
    const connection = await device.greet();
    await orders.send(4);
    await device.settle();
    expect(numbersOf(runsOf(connection))).toEqual(['1-3', '4-4']);
  });

  test('higher priorities go first, whatever was saved first', async () => {
    const device = await ScriptedDevice.open();
    const orders = device.post.queue('orders');
    for (const priority of [3, 0, 7, 5]) await orders.send(priority, { priority });
    const connection = await device.greet();
    expect(runsOf(connection).map(({ priority }) => priority)).toEqual([7, 5, 3, 0]);
  });

  test('no more than the window is in flight, and an answer makes room', async () => {
    const device = await ScriptedDevice.open();
    const orders = device.post.queue('orders');
    for (let n = 0; n < 10; n++) await orders.send(n);
    const connection = await device.greet([], { windowMessages: 4 });
    expect(numbersOf(runsOf(connection))).toEqual(['1-4']);
    answerPush(connection);
    await device.settle();
    expect(numbersOf(runsOf(connection))).toEqual(['1-4', '5-8']);
  });

  test('no more pushes are under way than the gateway takes: the next one carries all that waits', async () => {
    const device = await ScriptedDevice.open();
    const orders = device.post.queue('orders');
    const connection = await device.greet();
    for (let n = 0; n < LIMITS.windowFrames + 3; n++) await orders.send(n);
    await device.settle();
    expect(pushesOf(connection)).toHaveLength(LIMITS.windowFrames);
    answerPush(connection);
    await device.settle();
    expect(numbersOf(runsOf(connection)).at(-1)).toBe(
      `${LIMITS.windowFrames + 1}-${LIMITS.windowFrames + 3}`,
    );
  });

  test('a window of bytes holds back what is beyond it, and lets one larger message go alone', async () => {
    const device = await ScriptedDevice.open();
    const orders = device.post.queue('orders');
    for (let n = 0; n < 3; n++) await orders.send('x'.repeat(5_000));
    const connection = await device.greet([], { windowBytes: 1_000 });
    for (let n = 1; n <= 3; n++) {
      expect(numbersOf(runsOf(connection))).toHaveLength(n);
      answerPush(connection);
      await device.settle();
    }
    expect(device.post.status.get().pending).toBe(0);
  });
});

describe('the pace', () => {
  test('more is in flight while answers come promptly', async () => {
    const device = await deviceWithMegabytes(6);
    const connection = await device.greet();
    const first = inFlightBytes(connection);
    expect(first).toBeLessThanOrEqual(1024 * 1024);
    answerPush(connection);
    await device.settle();
    expect(inFlightBytes(connection)).toBeGreaterThan(first);
  });

  test('less is in flight on a slow line, in smaller pushes, and after a connection that was lost', async () => {
    const device = await deviceWithMegabytes(2);
    const connection = await device.greet();
    const before = inFlightBytes(connection);
    for (let answers = 0; answers < 3; answers++) {
      await device.pass(9_000);
      answerPush(connection);
      await device.settle();
    }
    expect(inFlightBytes(connection)).toBeLessThan(before);
    await device.reconnect();
    const next = await device.greet();
    expect(inFlightBytes(next)).toBeLessThanOrEqual(64 * 1024);
    expect(pushesOf(next).length).toBeGreaterThan(1);
  });
});

describe('order across starts', () => {
  test('a run names what waits before it in its lane in another epoch, and only then', async () => {
    const database = new MemoryDatabase();
    const before = await ScriptedDevice.open({ database });
    await before.post.queue('orders').send(1);
    await before.post.queue('orders').send('urgent', { priority: 6 });
    await before.post.close();
    const device = await ScriptedDevice.open({ database, seed: 'later' });
    await device.post.queue('orders').send(2);
    await device.post.queue('visits').send(2);
    const connection = await device.greet();
    const [urgent, first, second, visit] = runsOf(connection);
    expect(urgent?.after).toBeUndefined();
    expect(first?.after).toBeUndefined();
    expect(second?.after).toEqual({ epoch: first?.epoch, number: 1 });
    expect(visit?.after).toBeUndefined();
    answerPush(connection);
    await device.settle();
    await device.post.queue('orders').send(3);
    await device.settle();
    expect(runsOf(connection).at(-1)?.after).toBeUndefined();
  });

  test('a gap in one epoch takes the whole lane back', async () => {
    const database = new MemoryDatabase();
    const before = await ScriptedDevice.open({ database });
    await before.post.queue('orders').send(1);
    await before.post.close();
    const device = await ScriptedDevice.open({ database, seed: 'later' });
    await device.post.queue('orders').send(2);
    const connection = await device.greet();
    const [first, second] = runsOf(connection);
    if (first === undefined || second === undefined) throw new Error('not all was pushed');
    connection.answer({ type: 'ack', streams: [takenState(first), state(second, 0)] });
    await device.settle();
    const [again] = runsOf(connection).slice(2);
    expect(again).toMatchObject({ epoch: second.epoch, first: 1, attempt: 1 });
  });

  test('epochs of earlier starts with nothing left are closed at the gateway, once', async () => {
    const database = new MemoryDatabase();
    const before = await ScriptedDevice.open({ database });
    await before.post.queue('orders').send(1);
    const { epoch } = only(runsOf(await before.greet()));
    answerPush(before.socket.latest);
    await before.settle();
    await before.post.close();
    const device = await ScriptedDevice.open({ database, seed: 'later' });
    const connection = await device.greet();
    expect(connection.sent.filter(({ type }) => type === 'close-epochs')).toMatchObject([
      { epochs: [epoch] },
    ]);
    await device.reconnect();
    const next = await device.greet();
    expect(next.sent.filter(({ type }) => type === 'close-epochs')).toEqual([]);
  });
});

describe('epochs of other starts', () => {
  test('one that had something left is closed at the welcome after that went', async () => {
    const database = new MemoryDatabase();
    const before = await ScriptedDevice.open({ database });
    await before.post.queue('orders').send(1);
    await before.post.close();
    const device = await ScriptedDevice.open({ database, seed: 'later' });
    const connection = await device.greet();
    const { epoch } = only(runsOf(connection));
    answerPush(connection);
    await device.settle();
    await device.pass(60_000);
    expect(closedIn(connection)).toEqual([]);
    await device.reconnect();
    expect(closedIn(await device.greet())).toEqual([epoch]);
  });

  test('one of a tab that goes on is closed again after it was pushed to', async () => {
    const bus = new SignalBus();
    const shared = {
      database: new MemoryDatabase(),
      clock: new ManualClock(),
      connect: { surroundings: { leaderLock: new SimLock() } },
    };
    const device = await ScriptedDevice.open({ ...shared, signals: bus.join() });
    const connection = await device.greet();
    const tab = await ScriptedDevice.open({ ...shared, signals: bus.join(), seed: 'tab' });
    const sendFromTab = async (leader: ScriptedConnection): Promise<string> => {
      await tab.post.queue('orders').send(1);
      await device.settle();
      const run = runsOf(leader).at(-1);
      answerPush(leader);
      await device.settle();
      return run?.epoch ?? 'nothing was pushed';
    };
    const epoch = await sendFromTab(connection);
    await device.reconnect();
    const second = await device.greet();
    expect(closedIn(second)).toEqual([epoch]);
    expect(await sendFromTab(second)).toBe(epoch);
    await device.reconnect();
    expect(closedIn(await device.greet())).toEqual([epoch]);
    await device.reconnect();
    expect(closedIn(await device.greet())).toEqual([]);
  });
});

describe('what cannot be pushed', () => {
  test('an unreadable segment becomes skips, is reported, and the rest flows', async () => {
    const database = new MemoryDatabase();
    const before = await ScriptedDevice.open({ database });
    const orders = before.post.queue('orders');
    await Promise.all([orders.send(1), orders.send(2)]);
    await orders.send(3);
    await before.post.close();
    database.damage(1);
    const device = await ScriptedDevice.open({ database, seed: 'later' });
    const connection = await device.greet();
    const run = only(runsOf(connection));
    expect(run.skips).toEqual([
      { index: 0, id: ZERO_ID, code: 'unreadable' },
      { index: 1, id: ZERO_ID, code: 'unreadable' },
    ]);
    expect(numbersOf([run])).toEqual(['1-3']);
    answerPush(connection);
    await device.settle();
    const unreadable = await device.post.outbox.list({ state: 'unreadable' });
    expect(unreadable).toMatchObject([{ body: undefined }, { body: undefined }]);
    expect(new Set(unreadable.map(({ id }) => id)).size).toBe(2);
    expect(device.post.status.get()).toMatchObject({ pending: 0, deadLetters: 2 });
  });

  test('a push refused for its size is halved until it goes, and a message that is too large alone is set aside', async () => {
    const device = await ScriptedDevice.open();
    const orders = device.post.queue('orders');
    const sent = await Promise.all([10, 10, 4_000, 10].map((size) => orders.send('x'.repeat(size))));
    const requestMax = 3_000;
    for (let round = 0; device.post.status.get().pending > 0; round++) {
      if (round === 40) throw new Error('not drained');
      const connection = device.socket.latest;
      if (connection.sent.length === 0) connection.open();
      await device.settle();
      await answerUpTo(device, requestMax);
      await device.pass(LIMITS.backoffMaxMs);
    }
    expect(await Promise.all(sent.map(({ delivered }) => delivered))).toEqual([
      { outcome: 'delivered' },
      { outcome: 'delivered' },
      { outcome: 'refused', code: 'too-large' },
      { outcome: 'delivered' },
    ]);
    expect(await device.post.outbox.list({ state: 'refused' })).toMatchObject([{ body: 'x'.repeat(4_000) }]);
  });
});

/** Plays a network that refuses whatever is larger than `bytesMax` at once. */
async function answerUpTo(device: ScriptedDevice, bytesMax: number): Promise<void> {
  const connection = device.socket.latest;
  await device.greet(
    helloOf(connection).streams.map((stream) => acceptedSoFar.get(device) ?? state(stream, 0)),
  );
  for (;;) {
    const answered = answeredPushes.get(connection) ?? 0;
    const waiting = pushesOf(connection).slice(answered);
    if (waiting.length === 0) return;
    const bytes = waiting.flatMap(({ runs }) => runs).reduce((sum, run) => sum + run.messages.length, 0);
    if (bytes > bytesMax) return connection.end({ code: 'too-large', detail: 'HTTP 413' });
    for (const push of waiting) for (const run of push.runs) acceptedSoFar.set(device, takenState(run));
    for (const _ of waiting) answerPush(connection);
    await device.settle();
  }
}

const acceptedSoFar = new WeakMap<ScriptedDevice, StreamState>();

async function deviceWithMegabytes(megabytes: number): Promise<ScriptedDevice> {
  const device = await ScriptedDevice.open();
  const orders = device.post.queue('orders');
  await Promise.all(Array.from({ length: megabytes * 1024 }, () => orders.send('x'.repeat(1_000))));
  return device;
}

function inFlightBytes(connection: ScriptedConnection): number {
  const waiting = pushesOf(connection).slice(answeredPushes.get(connection) ?? 0);
  return waiting.flatMap(({ runs }) => runs).reduce((bytes, run) => bytes + run.messages.length, 0);
}

/** Epochs that the device said to be closed on this connection. */
function closedIn(connection: ScriptedConnection): string[] {
  return connection.sent.flatMap((frame) => (frame.type === 'close-epochs' ? frame.epochs : []));
}
