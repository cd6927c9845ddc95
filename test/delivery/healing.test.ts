import {
  type DeviceId,
  type GenerationId,
  LIMITS,
  type MessageId,
  type Run,
  type SessionNonce,
} from '@fieldpost/protocol';
import { createMemoryOutboxStore, MemoryDatabase } from '@fieldpost/sdk/testing';
import { describe, expect, test } from 'vitest';
import {
  answerAll,
  answerPush,
  helloOf,
  idsOf,
  numbersOf,
  only,
  runsOf,
  ScriptedDevice,
  state,
  takenState,
} from '../support/scripted-device.ts';

// What the device does when gateway or device have forgotten something, with the test as its gateway.

const OTHER_ID = '01890000-0000-7000-8000-00000000beef' as MessageId;
const ZERO_ID = '00000000-0000-0000-0000-000000000000' as MessageId;
const BEFORE = '8d1f6f0e-0000-4000-8000-000000000001' as GenerationId;
const AFTER = '8d1f6f0e-0000-4000-8000-000000000002' as GenerationId;
const RETIRED = { code: 'epoch-retired', retryAfterMs: 3_600_000 };

describe('a retired epoch', () => {
  test('of an earlier start: what waits is in doubt with its body, and what is saved now goes at once', async () => {
    const database = new MemoryDatabase();
    const before = await ScriptedDevice.open({ database });
    const sent = await before.post.queue('orders').send({ n: 1 });
    await before.post.queue('orders').send({ n: 2 });
    await before.post.close();
    const device = await ScriptedDevice.open({ database, seed: 'later' });
    await device.post.queue('orders').send({ n: 3 });
    device.socket.latest.open();
    await device.settle();
    const [old] = helloOf(device.socket.latest).streams;
    if (old === undefined) throw new Error('the hello names no stream');
    const connection = await device.greet([{ ...state(old, 0), stall: RETIRED }]);
    const run = only(runsOf(connection));
    expect(run.epoch).not.toBe(old.epoch);
    expect(run).not.toHaveProperty('after');
    const letters = await device.post.outbox.list({ state: 'in-doubt' });
    expect(letters.map(({ code, body }) => [code, body])).toEqual([
      ['epoch-retired', { n: 1 }],
      ['epoch-retired', { n: 2 }],
    ]);
    const message = await device.post.outbox.get(sent.id);
    expect(await message?.delivered).toEqual({ outcome: 'in-doubt', code: 'epoch-retired' });
    answerPush(connection);
    await device.settle();
    expect(device.post.status.get()).toMatchObject({ pending: 0, deadLetters: 2 });
    // It is over: no later hello names it.
    await device.reconnect();
    await device.greet();
    expect(runsOf(device.socket.latest)).toEqual([]);
  });

  test('of this start, told by an ack: numbering goes on in another one, and whoever waits hears', async () => {
    const device = await ScriptedDevice.open();
    const orders = device.post.queue('orders');
    const sent = await Promise.all([1, 2].map((n) => orders.send(n)));
    const connection = await device.greet();
    const run = only(runsOf(connection));
    connection.answer({ type: 'ack', streams: [{ ...state(run, 0), stall: RETIRED }] });
    for (const { delivered } of sent)
      expect(await delivered).toEqual({ outcome: 'in-doubt', code: 'epoch-retired' });
    const next = await orders.send(3);
    await device.settle();
    const later = runsOf(connection).at(-1);
    expect(later).toMatchObject({ first: 1 });
    expect(later?.epoch).not.toBe(run.epoch);
    connection.answer({ type: 'ack', streams: [takenState(later ?? run)] });
    expect(await next.delivered).toEqual({ outcome: 'delivered' });
  });

  test('what cannot be read of it is in doubt, too, and holds nothing up', async () => {
    const database = new MemoryDatabase();
    const before = await ScriptedDevice.open({ database });
    await before.post.queue('orders').send(1);
    await before.post.queue('orders').send(2);
    await before.post.close();
    database.damage(1);
    const device = await ScriptedDevice.open({ database, seed: 'later' });
    device.socket.latest.open();
    await device.settle();
    const [old] = helloOf(device.socket.latest).streams;
    if (old === undefined) throw new Error('the hello names no stream');
    await device.greet([{ ...state(old, 0), stall: RETIRED }]);
    const letters = await device.post.outbox.list({ state: 'in-doubt' });
    expect(letters.map(({ body }) => body)).toEqual([undefined, 2]);
    expect(device.post.status.get()).toMatchObject({ pending: 0, deadLetters: 2 });
  });
});

describe('another message under an accepted number', () => {
  test('told by a welcome after a reload: all up to it is in doubt, what is behind it goes', async () => {
    const database = new MemoryDatabase();
    const before = await ScriptedDevice.open({ database });
    for (const n of [1, 2, 3]) await before.post.queue('orders').send(n);
    await before.post.close();
    const device = await ScriptedDevice.open({ database, seed: 'later' });
    device.socket.latest.open();
    await device.settle();
    const [stream] = helloOf(device.socket.latest).streams;
    if (stream === undefined) throw new Error('the hello names no stream');
    const connection = await device.greet([state(stream, 2, OTHER_ID)]);
    expect(numbersOf(runsOf(connection))).toEqual(['3-3']);
    const letters = await device.post.outbox.list({ state: 'in-doubt' });
    expect(letters.map(({ code, body }) => [code, body])).toEqual([
      ['in-doubt', 1],
      ['in-doubt', 2],
    ]);
  });

  test('what was acknowledged before stays delivered, and what is set aside is not sent again', async () => {
    const device = await ScriptedDevice.open();
    const orders = device.post.queue('orders');
    // One record: a part of it is acknowledged when the rest is found to be in doubt.
    const [first, second] = await Promise.all([orders.send(1), orders.send(2)]);
    const connection = await device.greet();
    const run = only(runsOf(connection));
    connection.answer({ type: 'ack', streams: [state(run, 1, first.id)] });
    expect(await first.delivered).toEqual({ outcome: 'delivered' });
    const other = { ...state(run, 2, OTHER_ID), attempt: 9, since: 1 };
    connection.answer({ type: 'ack', streams: [other] });
    expect(await second.delivered).toEqual({ outcome: 'in-doubt', code: 'in-doubt' });
    expect((await device.post.outbox.get(first.id))?.state).toBe('delivered');
    expect(device.post.status.get().deadLetters).toBe(1);
    await device.reconnect();
    expect(runsOf(await device.greet())).toEqual([]);
  });

  test('an accepted number that the log has no more, under whatever id, is no doubt', async () => {
    const database = new MemoryDatabase();
    const before = await ScriptedDevice.open({ database });
    for (const n of [1, 2]) await before.post.queue('orders').send(n);
    await before.post.close();
    database.segments.delete(1);
    const device = await ScriptedDevice.open({ database, seed: 'later' });
    device.socket.latest.open();
    await device.settle();
    const [stream] = helloOf(device.socket.latest).streams;
    if (stream === undefined) throw new Error('the hello names no stream');
    const connection = await device.greet([state(stream, 1, OTHER_ID)]);
    expect(numbersOf(runsOf(connection))).toEqual(['2-2']);
    expect(device.post.status.get().deadLetters).toBe(0);
  });
});

describe('records that are gone or cannot be read', () => {
  test.each([
    ['at the beginning', [1], 3],
    ['in the middle', [2], 3],
    ['several', [1, 2], 3],
    ['just before the last', [2, 3], 4],
  ])('a hole %s after a reload becomes skips, and everything else arrives', async (_, gone, count) => {
    const database = new MemoryDatabase();
    const before = await ScriptedDevice.open({ database });
    for (let n = 1; n <= count; n++) await before.post.queue('orders').send(n);
    await before.post.close();
    for (const position of gone) database.segments.delete(position);
    const device = await ScriptedDevice.open({ database, seed: 'later' });
    await device.post.queue('orders').send('later');
    const connection = await device.greet();
    const old = runsOf(connection).filter(({ epoch }) => epoch === runsOf(connection)[0]?.epoch);
    const skipped = old.flatMap((run) => (run.skips ?? []).map(({ index }) => run.first + index));
    expect(skipped).toEqual(gone);
    expect(old.flatMap(idsOf)).toHaveLength(count);
    await answerAll(device, connection);
    expect(device.post.status.get()).toMatchObject({ pending: 0 });
  });

  test('one damaged record among many in several lanes costs its own messages and no others', async () => {
    const database = new MemoryDatabase();
    const before = await ScriptedDevice.open({ database });
    for (let n = 1; n <= 3; n++)
      for (const queue of ['orders', 'visits']) await before.post.queue(queue).send(n, { priority: n });
    await before.post.close();
    database.damage(3);
    const device = await ScriptedDevice.open({ database, seed: 'later' });
    const connection = await device.greet();
    await answerAll(device, connection);
    expect(device.post.status.get()).toMatchObject({ pending: 0, deadLetters: 1 });
    const ids = runsOf(connection).flatMap(idsOf);
    expect(ids.filter((id) => id === ZERO_ID)).toHaveLength(1);
    expect(new Set(ids).size).toBe(6);
  });
});

describe('a gateway that went back in time', () => {
  test('gets what it has forgotten, under the same numbers and ids, before what is newer', async () => {
    const device = await ScriptedDevice.open();
    const { ids, run } = await deliver(device, 3);
    await device.reconnect();
    await device.post.queue('orders').send('new');
    const told = await greetAfter(device, [state(run, 1, ids[0])]);
    // Nothing is pushed before the store has taken back what was settled.
    expect(runsOf(told)).toEqual([]);
    expect(told.isClosedByDevice).toBe(true);
    const connection = await nextGreeting(device);
    expect(helloOf(connection)).toMatchObject({ generation: AFTER, streams: [{ acknowledged: 1 }] });
    const runs = runsOf(connection);
    expect(runs.flatMap(idsOf).slice(0, 2)).toEqual(ids.slice(1));
    expect(runs.map(({ first, again }) => [first, again])).toEqual([
      [2, true],
      [4, undefined],
    ]);
    await answerAll(device, connection);
    expect(device.post.status.get()).toMatchObject({ pending: 0, deadLetters: 0 });
  });

  test('gets a skip for what it had refused: the app has heard of it and may have sent it anew', async () => {
    const device = await ScriptedDevice.open();
    const orders = device.post.queue('orders');
    const sent = await Promise.all([1, 2].map((n) => orders.send(n)));
    const first = await device.greet();
    const run = only(runsOf(first));
    const refusals = [{ number: 2, id: sent[1]?.id ?? OTHER_ID, code: 'schema-mismatch' }];
    first.answer({ type: 'ack', streams: [{ ...takenState(run), refusals }] });
    await device.settle();
    const [letter] = await device.post.outbox.list({ state: 'refused' });
    await device.post.outbox.discard(letter?.id ?? '');
    await device.reconnect();
    await greetAfter(device, [state(run, 0)]);
    const connection = await nextGreeting(device);
    expect(runsOf(connection)).toMatchObject([
      { first: 1, again: true, skips: [{ index: 1, id: sent[1]?.id, code: 'schema-mismatch' }] },
    ]);
    await answerAll(device, connection);
    // It is not set aside a second time.
    expect(device.post.status.get()).toMatchObject({ pending: 0, deadLetters: 0 });
  });

  test('hears what the log has no more, and under which generation that was acknowledged', async () => {
    const database = new MemoryDatabase();
    const device = await ScriptedDevice.open({ database });
    const { ids, run } = await deliver(device, 3);
    // As after three days: the beginning is trimmed.
    database.segments.delete(1);
    database.segments.delete(2);
    await device.reconnect();
    await greetAfter(device, [state(run, 0)]);
    const connection = await nextGreeting(device);
    const [lost, again] = runsOf(connection);
    expect(lost).toMatchObject({ first: 3, lost: { first: 1, generation: BEFORE } });
    expect(lost?.messages).toHaveLength(0);
    expect(again).toMatchObject({ first: 3, again: true });
    expect(idsOf(again ?? run)).toEqual([ids[2]]);
    expect(device.post.status.get().deadLetters).toBe(0);
  });

  test('gets what it names as lost, where the log still has it, and no more of the stream', async () => {
    const device = await ScriptedDevice.open();
    const { ids, run } = await deliver(device, 3);
    await device.reconnect();
    const answer = { ...state(run, 3, ids[2]), since: 3, lost: [{ first: 2, last: 2 }] };
    await greetAfter(device, [answer]);
    const connection = await nextGreeting(device, [
      { ...state(run, 3, ids[2]), lost: [{ first: 2, last: 2 }] },
    ]);
    expect(runsOf(connection).flatMap(idsOf)).toContain(ids[1]);
    await answerAll(device, connection);
    expect(device.post.status.get()).toMatchObject({ pending: 0 });
  });

  test('that names lost numbers which nobody here has gets nothing, and is not asked again and again', async () => {
    const database = new MemoryDatabase();
    const device = await ScriptedDevice.open({ database });
    const { ids, run } = await deliver(device, 3);
    database.segments.delete(2);
    await device.reconnect();
    const answer = { ...state(run, 3, ids[2]), since: 3, lost: [{ first: 2, last: 2 }] };
    await greetAfter(device, [answer]);
    const connection = await nextGreeting(device, [answer]);
    expect(connection.isClosedByDevice).toBe(false);
    expect(runsOf(connection)).toEqual([]);
    const connections = device.socket.connections.length;
    await device.pass(60_000);
    expect(device.socket.connections).toHaveLength(connections);
  });

  test('hears only of the session from a device that was idle for so long that it remembers no message', async () => {
    const database = new MemoryDatabase();
    const before = await ScriptedDevice.open({ database });
    await deliver(before, 3);
    await before.post.close();
    const store = createMemoryOutboxStore(database);
    await store.open({ device: before.post.device, marker: undefined });
    await store.trim({ savedBefore: Number.MAX_SAFE_INTEGER, keepBytes: 0 });
    await store.close();
    const device = await ScriptedDevice.open({ database, seed: 'later' });
    const connection = await greetAfter(device, []);
    expect(helloOf(connection)).toMatchObject({
      streams: [],
      generation: BEFORE,
      lastSession: { number: 1 },
    });
    expect(connection.isClosedByDevice).toBe(false);
    expect(runsOf(connection)).toEqual([]);
  });

  test('and says so at a push is greeted anew, and nothing is lost or doubled by it', async () => {
    const device = await ScriptedDevice.open();
    const { ids, run } = await deliver(device, 2);
    await device.post.queue('orders').send('new');
    await device.settle();
    const { latest } = device.socket;
    latest.answer({ type: 'fenced', reason: 'went-back', session: { number: 1, nonce: NONCE } });
    await device.pass(1_000);
    expect(latest.isClosedByDevice).toBe(true);
    await greetAfter(device, [state(run, 0)]);
    const connection = await nextGreeting(device);
    const runs = runsOf(connection);
    expect(runs.flatMap(idsOf).slice(0, 2)).toEqual(ids);
    expect(numbersOf(runs).join(' ')).toMatch(/3$/);
  });

  test('tells of a refusal of what only another copy of the device has, and nothing is set aside here for it', async () => {
    const database = new MemoryDatabase();
    const device = await ScriptedDevice.open({ database });
    const { ids, run } = await deliver(device, 3);
    database.segments.delete(3);
    await device.reconnect();
    await greetAfter(device, [state(run, 0)]);
    const connection = await nextGreeting(device);
    expect(runsOf(connection).flatMap(idsOf)).toEqual(ids.slice(0, 2));
    const refusals = [{ number: 3, id: OTHER_ID, code: 'schema-mismatch' }];
    connection.answer({ type: 'ack', streams: [{ ...state(run, 3, OTHER_ID), refusals }] });
    await device.settle();
    expect(device.post.status.get()).toMatchObject({ pending: 0, deadLetters: 0 });
  });

  test('a second time, before the first is made good', async () => {
    const device = await ScriptedDevice.open();
    const { ids, run } = await deliver(device, 4);
    await device.reconnect();
    await greetAfter(device, [state(run, 2, ids[1])]);
    await nextGreeting(device);
    await device.reconnect();
    await greetAfter(device, [state(run, 1, ids[0])], THIRD);
    const connection = await nextGreeting(device, [], THIRD);
    expect(runsOf(connection).flatMap(idsOf)).toEqual(ids.slice(1));
    expect(runsOf(connection).every(({ again }) => again === true)).toBe(true);
    await answerAll(device, connection);
    expect(device.post.status.get()).toMatchObject({ pending: 0, deadLetters: 0 });
  });
});

describe('a copy of a device', () => {
  test('takes an id, a session and an epoch of its own; its saved messages keep theirs', async () => {
    const written: DeviceId[] = [];
    const marker = { read: () => undefined, write: (device: DeviceId) => void written.push(device) };
    const device = await ScriptedDevice.open({ connect: { surroundings: { marker } } });
    const orders = device.post.queue('orders');
    await device.greet();
    await orders.send(1);
    await device.reconnect();
    device.socket.latest.open();
    await device.settle();
    const before = helloOf(device.socket.latest);
    expect(before).toHaveProperty('lastSession');
    device.socket.latest.answer({ type: 'fenced', reason: 'cloned' });
    await device.pass(1_000);
    await orders.send(2);
    const connection = await device.greet();
    const after = helloOf(connection);
    expect(after.device).not.toBe(before.device);
    expect(after).not.toHaveProperty('lastSession');
    expect(after.streams[0]).toEqual(before.streams[0]);
    expect(written.at(-1)).toBe(after.device);
    expect(device.post.device).toBe(after.device);
    const [first, second] = runsOf(connection);
    expect(first?.epoch).toBe(before.streams[0]?.epoch);
    expect(second?.epoch).not.toBe(first?.epoch);
    expect(second?.after).toEqual({ epoch: first?.epoch, number: 1 });
    await answerAll(device, connection);
    expect(device.post.status.get()).toMatchObject({ pending: 0, deadLetters: 0 });
  });

  test('asks again when its store could not take another id', async () => {
    const device = await ScriptedDevice.open();
    await device.post.queue('orders').send(1);
    let fails = true;
    device.database.fault = (operation) => (operation === 'renewDevice' && fails ? 'full' : 'none');
    device.socket.latest.open();
    await device.settle();
    const before = helloOf(device.socket.latest).device;
    device.socket.latest.answer({ type: 'fenced', reason: 'cloned' });
    await device.pass(1_000);
    fails = false;
    // The next look into the store begins a session, which is told the same again.
    await device.pass(20_000);
    device.socket.latest.open();
    await device.settle();
    expect(helloOf(device.socket.latest).device).toBe(before);
    device.socket.latest.answer({ type: 'fenced', reason: 'cloned' });
    await device.pass(1_000);
    const connection = await device.greet();
    expect(helloOf(connection).device).not.toBe(before);
  });
});

const NONCE = '0011223344556677' as SessionNonce;
const THIRD = '8d1f6f0e-0000-4000-8000-000000000003' as GenerationId;

type Connection = Awaited<ReturnType<ScriptedDevice['greet']>>;

/** Sends so many messages one by one, and has them delivered under the first generation. */
async function deliver(device: ScriptedDevice, count: number): Promise<{ ids: MessageId[]; run: Run }> {
  const connection = await device.greet();
  const ids: MessageId[] = [];
  for (let n = 1; n <= count; n++) {
    const sent = await device.post.queue('orders').send(n);
    await device.settle();
    answerPush(connection);
    expect(await sent.delivered).toEqual({ outcome: 'delivered' });
    ids.push(sent.id);
  }
  const run = runsOf(connection).at(-1);
  if (run === undefined) throw new Error('nothing was pushed');
  return { ids, run };
}

/** Welcomes the device under another generation. */
async function greetAfter(
  device: ScriptedDevice,
  answers: Parameters<ScriptedDevice['greet']>[0],
  generation = AFTER,
): Promise<Connection> {
  const connection = await device.greet(answers, {}, { generation });
  await device.settle();
  return connection;
}

/** Waits for the next connection, and welcomes it. */
async function nextGreeting(
  device: ScriptedDevice,
  answers: Parameters<ScriptedDevice['greet']>[0] = [],
  generation = AFTER,
): Promise<Connection> {
  for (let tries = 0; device.socket.latest.sent.length > 0; tries++) {
    if (tries === LIMITS.answerTimeoutMs / 1000) throw new Error('the device does not connect again');
    await device.pass(1_000);
  }
  return greetAfter(device, answers, generation);
}
