import { LIMITS, type MessageId, type Run, type StreamState } from '@fieldpost/protocol';
import { ManualClock, MemoryDatabase } from '@fieldpost/sdk/testing';
import { describe, expect, test } from 'vitest';
import {
  ackOf,
  answerPush,
  helloOf,
  idsOf,
  numbersOf,
  only,
  pushesOf,
  runsOf,
  ScriptedDevice,
  state,
  takenState,
} from '../support/scripted-device.ts';

// What the device makes of the answers, with the test as its gateway.

const OTHER_ID = '01890000-0000-7000-8000-00000000beef' as MessageId;
const ZERO_ID = '00000000-0000-0000-0000-000000000000';
/** Tabs without signals look into the log within this. */
const POLL_MS = 16_000;

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

  test('refusals that one answer does not tell are asked for, and their messages do not go again', async () => {
    const device = await ScriptedDevice.open();
    const orders = device.post.queue('orders');
    const sent = await Promise.all([1, 2, 3, 4, 5].map((n) => orders.send({ n })));
    const connection = await device.greet();
    const run = only(runsOf(connection));
    const told = (number: number, taken?: number): StreamState => ({
      ...state(run, number, sent[number - 1]?.id),
      since: number - 1,
      refusals: [{ number, id: sent[number - 1]?.id ?? OTHER_ID, code: 'access-denied' }],
      ...(taken === undefined ? {} : { taken }),
    });
    for (const number of [1, 2, 3, 4]) {
      connection.answer({ type: 'ack', streams: [told(number, 5)] });
      await device.settle();
      expect(device.post.status.get()).toMatchObject({ pending: 5 - number, deadLetters: number });
      expect(runsOf(connection)).toHaveLength(number + 1);
      expect(runsOf(connection).at(-1)).toMatchObject({ acknowledged: number, attempt: 0 });
      expect(runsOf(connection).at(-1)?.messages).toHaveLength(0);
    }
    // What is saved meanwhile goes on behind what the gateway has, and asks for the rest by itself.
    await orders.send({ n: 6 });
    await device.settle();
    expect(numbersOf(runsOf(connection).slice(-1))).toEqual(['6-6']);
    connection.answer({ type: 'ack', streams: [told(5)] });
    await device.settle();
    expect(await Promise.all(sent.map(({ delivered }) => delivered))).toEqual(
      sent.map(() => ({ outcome: 'refused', code: 'access-denied' })),
    );
    expect(runsOf(connection)).toHaveLength(6);
  });

  test('a welcome that does not tell all is asked for the rest, and nothing goes again', async () => {
    const database = new MemoryDatabase();
    const before = await ScriptedDevice.open({ database });
    const sent = await Promise.all([1, 2, 3].map((n) => before.post.queue('orders').send({ n })));
    const run = only(runsOf(await before.greet()));
    await before.post.close();
    const device = await ScriptedDevice.open({ database, seed: 'later' });
    const refusals = [{ number: 1, id: sent[0]?.id ?? OTHER_ID, code: 'access-denied' }];
    const connection = await device.greet([{ ...state(run, 1, sent[0]?.id), refusals, taken: 3 }]);
    const question = only(runsOf(connection));
    expect(question).toMatchObject({ first: 2, acknowledged: 1 });
    expect(question.messages).toHaveLength(0);
    connection.answer({ type: 'ack', streams: [{ ...state(run, 3, sent[2]?.id), since: 1 }] });
    await device.settle();
    expect(device.post.status.get()).toMatchObject({ pending: 0, deadLetters: 1 });
  });

  test('a gateway that says there is more and never tells it gets the messages again', async () => {
    const device = await ScriptedDevice.open();
    const sent = await device.post.queue('orders').send(1);
    const connection = await device.greet();
    const run = only(runsOf(connection));
    connection.answer({ type: 'ack', streams: [{ ...state(run, 0), taken: 1 }] });
    await device.settle();
    expect(numbersOf(runsOf(connection))).toEqual(['1-1', '1-1']);
    const again = runsOf(connection).at(-1);
    if (again === undefined) throw new Error('nothing was pushed again');
    connection.answer({ type: 'ack', streams: [takenState(again)] });
    expect(await sent.delivered).toEqual({ outcome: 'delivered' });
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

  test('an ack that came twice and was counted for the next push does not leave that one waiting for ever', async () => {
    const device = await ScriptedDevice.open();
    const orders = device.post.queue('orders');
    const connection = await device.greet();
    await orders.send(1);
    await device.settle();
    await orders.send(2);
    await device.settle();
    const [first] = pushesOf(connection);
    if (first === undefined) throw new Error('nothing was pushed');
    connection.answer(ackOf(first), ackOf(first));
    await device.settle();
    const runs = runsOf(connection);
    expect(numbersOf(runs)).toEqual(['1-1', '2-2', '2-2']);
    expect(runs.map(({ attempt }) => attempt)).toEqual([0, 0, 1]);
  });

  test('an answer about what another tab has saved and pushed waits until that is listed, with its refusals', async () => {
    const database = new MemoryDatabase();
    const clock = new ManualClock();
    const leader = await ScriptedDevice.open({ database, clock });
    // It never leads here.
    const leaderLock = { acquire: () => () => undefined };
    const connect = { surroundings: { leaderLock } };
    const other = await ScriptedDevice.open({ database, clock, seed: 'other', connect });
    const one = await other.post.queue('orders').send(1);
    const connection = await leader.greet();
    await leader.pass(POLL_MS);
    const run = only(runsOf(connection));
    // Saved without a signal: the leader will see it when it looks again. The other tab led meanwhile, and pushed it.
    const two = await other.post.queue('orders').send(2);
    const refusals = [{ number: 2, id: two.id, code: 'schema-mismatch' }];
    connection.answer({ type: 'ack', streams: [{ ...state(run, 2, two.id), refusals }] });
    await leader.pass(2 * POLL_MS);
    expect(await one.delivered).toEqual({ outcome: 'delivered' });
    expect(await two.delivered).toEqual({ outcome: 'refused', code: 'schema-mismatch' });
    expect(database.deadLetters.map(({ id }) => id)).toEqual([two.id]);
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

describe('connections', () => {
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

function queuesOf(runs: readonly Run[]): string[] {
  return runs.map(({ queue }) => queue);
}
