import { LIMITS, type MessageId, type Run, type StreamState } from '@fieldpost/protocol';
import { MemoryDatabase } from '@fieldpost/sdk/testing';
import { describe, expect, test } from 'vitest';
import {
  ackOf,
  helloOf,
  idsOf,
  numbersOf,
  pushesOf,
  runsOf,
  ScriptedDevice,
  state,
  takenState,
} from '../support/scripted-device.ts';

// What the device pushes and what it makes of the answers, with the test as its gateway.

const OTHER_ID = '01890000-0000-7000-8000-00000000beef' as MessageId;
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

  test('a run tells how long its message has waited; a clock set back or far ahead tells nothing', async () => {
    for (const [jumpMs, ageMs] of [
      [0, 60_000],
      [-3_600_000, 0],
      [20 * 365 * 24 * 3_600_000, 0],
    ] as const) {
      const device = await ScriptedDevice.open();
      await device.post.queue('orders').send(1);
      await device.pass(0);
      device.clock.jumpWall(60_000 + jumpMs - (jumpMs === 0 ? 0 : 60_000));
      expect(runsOf(await device.greet())[0]?.ageMs).toBe(ageMs);
    }
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

describe('answers', () => {
  test('delivered is said only when the answer is written down', async () => {
    const device = await ScriptedDevice.open();
    const sent = await device.post.queue('orders').send(1);
    const connection = await device.greet();
    let fails = true;
    device.database.fault = (operation) => (operation === 'settle' && fails ? 'dead' : 'none');
    let heard: unknown;
    const waiting = sent.delivered.then((delivery) => (heard = delivery));
    answerPush(connection);
    await device.settle();
    expect(heard).toBeUndefined();
    expect(device.post.status.get()).toMatchObject({ pending: 1, storage: 'failing' });
    fails = false;
    await device.pass(LIMITS.backoffFirstMs);
    await waiting;
    expect(heard).toEqual({ outcome: 'delivered' });
    expect(device.database.marks.size).toBe(1);
    expect(device.post.status.get()).toMatchObject({ pending: 0, storage: 'ready', problems: [] });
  });

  test('with the ack lost behind any of the messages, each goes on from where the gateway stands', async () => {
    for (let accepted = 0; accepted <= 5; accepted++) {
      const device = await ScriptedDevice.open();
      const orders = device.post.queue('orders');
      const sent = await Promise.all([1, 2, 3, 4, 5].map((n) => orders.send(n)));
      const [run] = runsOf(await device.greet());
      if (run === undefined) throw new Error('nothing was pushed');
      await device.reconnect();
      const connection = await device.greet([state(run, accepted, idsOf(run)[accepted - 1])]);
      expect(numbersOf(runsOf(connection))).toEqual(accepted === 5 ? [] : [`${accepted + 1}-5`]);
      if (accepted < 5) answerPush(connection);
      const fates = await Promise.all(sent.map(({ delivered }) => delivered));
      expect(fates.every(({ outcome }) => outcome === 'delivered')).toBe(true);
    }
  });

  test('a refusal is kept with its body and code, and takes only its own message', async () => {
    const device = await ScriptedDevice.open();
    const orders = device.post.queue('orders');
    const sent = await Promise.all([1, 2, 3].map((n) => orders.send({ n })));
    const connection = await device.greet();
    const run = only(runsOf(connection));
    const refusals = [{ number: 2, id: sent[1]?.id ?? OTHER_ID, code: 'schema-mismatch' }];
    connection.answer({ type: 'ack', streams: [{ ...takenState(run), refusals }] });
    expect(await Promise.all(sent.map(({ delivered }) => delivered))).toEqual([
      { outcome: 'delivered' },
      { outcome: 'refused', code: 'schema-mismatch' },
      { outcome: 'delivered' },
    ]);
    const refused = await device.post.outbox.list({ state: 'refused' });
    expect(refused).toMatchObject([{ id: sent[1]?.id, code: 'schema-mismatch', body: { n: 2 } }]);
    expect(device.post.status.get()).toMatchObject({ pending: 0, deadLetters: 1 });
  });

  test('a refusal known only from a lost ack is told by the next welcome, with the body still here', async () => {
    const database = new MemoryDatabase();
    const before = await ScriptedDevice.open({ database });
    const sent = await before.post.queue('orders').send({ n: 1 });
    const run = only(runsOf(await before.greet()));
    await before.post.close();
    const after = await ScriptedDevice.open({ database, seed: 'later' });
    const refusals = [{ number: 1, id: sent.id, code: 'access-denied' }];
    await after.greet([{ ...state(run, 1, sent.id), refusals }]);
    const message = await after.post.outbox.get(sent.id);
    expect(message).toMatchObject({ state: 'refused', code: 'access-denied', body: { n: 1 } });
    expect(await message?.delivered).toEqual({ outcome: 'refused', code: 'access-denied' });
  });

  test('an answer that is not complete from where the device stands is ignored', async () => {
    const device = await ScriptedDevice.open();
    await device.post.queue('orders').send(1);
    const connection = await device.greet();
    connection.answer({ type: 'ack', streams: [{ ...takenState(only(runsOf(connection))), since: 1 }] });
    await device.settle();
    expect(device.post.status.get().pending).toBe(1);
  });

  test('a gap makes the device go back, and answers to what it pushed before count no more', async () => {
    const device = await ScriptedDevice.open();
    const orders = device.post.queue('orders');
    for (let n = 0; n < 2; n++) await orders.send(n);
    const connection = await device.greet([], { runMessages: 1, windowMessages: 2 });
    const [first] = runsOf(connection);
    if (first === undefined) throw new Error('nothing was pushed');
    connection.answer({ type: 'ack', streams: [state(first, 0)] });
    await device.settle();
    const again = runsOf(connection).slice(2);
    expect(again.map(({ attempt }) => attempt)).toEqual(again.map(() => 1));
    expect(again[0]?.first).toBe(1);
    connection.answer({ type: 'ack', streams: [{ ...takenState(first), attempt: 0 }] });
    await device.settle();
    expect(device.post.status.get().pending).toBe(2);
  });

  test('a full queue stalls its own lane; the others go on, and it goes on when its time has come', async () => {
    const device = await ScriptedDevice.open();
    await device.post.queue('full').send(1);
    await device.post.queue('orders').send(1);
    const connection = await device.greet();
    const [full, orders] = runsOf(connection);
    if (full === undefined || orders === undefined) throw new Error('not all was pushed');
    const stall = { code: 'quota-exceeded', retryAfterMs: 5_000 };
    connection.answer({ type: 'ack', streams: [{ ...state(full, 0), stall }, takenState(orders)] });
    await device.settle();
    expect(device.post.status.get().pending).toBe(1);
    await device.post.queue('full').send(2);
    await device.post.queue('orders').send(2);
    await device.settle();
    expect(queuesOf(runsOf(connection).slice(2))).toEqual(['orders']);
    await device.pass(5_000);
    expect(queuesOf(runsOf(connection).slice(3))).toEqual(['full']);
  });

  test('a number under which the gateway holds another message puts all up to it in doubt, and ends the epoch', async () => {
    const device = await ScriptedDevice.open();
    const orders = device.post.queue('orders');
    const sent = await Promise.all([1, 2, 3].map((n) => orders.send(n)));
    const connection = await device.greet();
    const run = only(runsOf(connection));
    connection.answer({ type: 'ack', streams: [{ ...takenState(run), accepted: 2, acceptedId: OTHER_ID }] });
    await device.settle();
    expect(await sent[0]?.delivered).toEqual({ outcome: 'in-doubt', code: 'in-doubt' });
    expect(await sent[1]?.delivered).toEqual({ outcome: 'in-doubt', code: 'in-doubt' });
    expect((await device.post.outbox.list({ state: 'in-doubt' })).map(({ body }) => body)).toEqual([1, 2]);
    await orders.send(4);
    await device.settle();
    const later = runsOf(connection).slice(1);
    expect(numbersOf(later)).toEqual(['3-3', '1-1']);
    expect(later[1]?.epoch).not.toBe(run.epoch);
    expect(later[1]?.after).toEqual({ epoch: run.epoch, number: 3 });
  });

  test('nothing is doubted when a skip of ours stands under the number', async () => {
    const device = await ScriptedDevice.open();
    const sent = await device.post.queue('orders').send(1);
    const connection = await device.greet();
    const skipped: StreamState = {
      ...takenState(only(runsOf(connection))),
      acceptedId: ZERO_ID as MessageId,
      skips: [{ number: 1, id: ZERO_ID as MessageId, code: 'unreadable' }],
    };
    connection.answer({ type: 'ack', streams: [skipped] });
    expect(await sent.delivered).toEqual({ outcome: 'unreadable', code: 'unreadable' });
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

describe('connections', () => {
  test('a gateway that knows less than it had acknowledged is told of as a problem', async () => {
    const device = await ScriptedDevice.open();
    const orders = device.post.queue('orders');
    await orders.send(1);
    const [run] = runsOf(await device.greet());
    if (run === undefined) throw new Error('nothing was pushed');
    answerPush(device.socket.latest);
    await device.settle();
    await orders.send(2);
    await device.reconnect();
    await device.greet([state(run, 0)]);
    expect(device.post.status.get().problems).toMatchObject([{ code: 'gateway-went-back' }]);
    await device.reconnect();
    await device.greet([{ ...state(run, 1, idsOf(run)[0]), since: 1 }]);
    expect(device.post.status.get().problems).toEqual([]);
  });

  test('one that gives no answer in time is taken for dead, and everything unanswered goes again', async () => {
    const device = await ScriptedDevice.open();
    await device.post.queue('orders').send(1);
    const connection = await device.greet();
    await device.pass(LIMITS.answerTimeoutMs + 1_000);
    expect(connection.isClosedByDevice).toBe(true);
    await device.pass(1_000);
    expect(numbersOf(runsOf(await device.greet()))).toEqual(['1-1']);
  });

  test('a hello tells every stream that waits, what is acknowledged, and how much there is', async () => {
    const device = await ScriptedDevice.open();
    await device.post.queue('orders').send(1);
    await device.post.queue('visits').send(1);
    await device.pass(1_000);
    device.socket.latest.open();
    await device.settle();
    const hello = helloOf(device.socket.latest);
    expect(hello.streams.map(({ queue, acknowledged }) => [queue, acknowledged])).toEqual([
      ['orders', 0],
      ['visits', 0],
    ]);
    expect(hello.waiting).toMatchObject({ messages: 2, oldestAgeMs: 1_000 });
    expect(hello.waiting.bytes).toBeGreaterThan(0);
  });

  test('bytes that are no frame end the connection, not the device', async () => {
    const device = await ScriptedDevice.open();
    const connection = await device.greet();
    connection.answerBytes(new Uint8Array([1, 2, 3]));
    await device.pass(1_000);
    await device.greet();
    expect(device.post.status.get()).toMatchObject({ state: 'online', problems: [] });
  });

  test('the last session is named by the next hello, also after a reload', async () => {
    const database = new MemoryDatabase();
    const before = await ScriptedDevice.open({ database });
    await before.greet();
    await before.post.close();
    const device = await ScriptedDevice.open({ database, seed: 'later' });
    device.socket.latest.open();
    await device.settle();
    expect(helloOf(device.socket.latest).lastSession).toEqual({ number: 1, nonce: '0011223344556677' });
  });
});

/** Answers the oldest push that has no answer yet, as a gateway that takes everything. */
function answerPush(connection: Parameters<typeof pushesOf>[0]): void {
  const answered = answeredPushes.get(connection) ?? 0;
  const push = pushesOf(connection)[answered];
  if (push === undefined) throw new Error('nothing waits for an answer');
  answeredPushes.set(connection, answered + 1);
  connection.answer(ackOf(push));
}

const answeredPushes = new WeakMap<object, number>();

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

function inFlightBytes(connection: Parameters<typeof pushesOf>[0]): number {
  const waiting = pushesOf(connection).slice(answeredPushes.get(connection) ?? 0);
  return waiting.flatMap(({ runs }) => runs).reduce((bytes, run) => bytes + run.messages.length, 0);
}

function only(runs: readonly Run[]): Run {
  const [run] = runs;
  if (run === undefined || runs.length > 1) throw new Error(`${runs.length} runs instead of one`);
  return run;
}

function queuesOf(runs: readonly Run[]): string[] {
  return runs.map(({ queue }) => queue);
}
