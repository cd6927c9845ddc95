import type { DownFrame, Fates, MessageId, UpFrame } from '@fieldpost/protocol';
import type { Sent, Settled } from '@fieldpost/sdk';
import { ManualClock, MemoryDatabase, type ScriptedConnection, SignalBus } from '@fieldpost/sdk/testing';
import { expect, test } from 'vitest';
import { answerPush, helloOf, ScriptedDevice } from '../support/scripted-device.ts';
import { twoTabs } from '../support/two-tabs.ts';

// What becomes of a message behind its arrival, with the test as the gateway that tells it.

const DAY_MS = 24 * 3_600_000;

test('settled resolves when the fate is on the disk, and only then it is confirmed', async () => {
  const device = await ScriptedDevice.open();
  const { sent, connection } = await deliver(device);
  let failing = true;
  device.database.fault = (operation) => (operation === 'hear' && failing ? 'dead' : 'none');
  let known: Settled | undefined;
  sent.settled?.then((settled) => (known = settled)).catch(() => undefined);
  connection.answer(fates([1, sent.id, 'received']));
  await device.settle();
  expect(known).toBeUndefined();
  expect(confirmsOf(connection)).toEqual([]);
  failing = false;
  await device.pass(20_000);
  expect(known).toEqual({ outcome: 'consumed', code: 'received', endedAt: expect.any(Number) });
  expect(confirmsOf(connection)).toEqual([{ number: 1, id: sent.id }]);
  expect(device.database.heard).toEqual({ number: 1, id: sent.id });
});

test.each([
  ['received', 'consumed'],
  ['receive-timeout', 'expired'],
  ['max-deliveries', 'dead-lettered'],
  ['rejected-by-receiver', 'dead-lettered'],
  ['purged', 'purged'],
  ['queue-deleted', 'purged'],
  ['some-later-code', 'ended'],
])('%s is told as %s, with its code, its reason and the time on this device', async (code, outcome) => {
  const device = await ScriptedDevice.open();
  const { sent, connection } = await deliver(device);
  const told = fates([1, sent.id, code]);
  connection.answer({
    ...told,
    fates: told.fates.map((fate) => ({ ...fate, reason: 'because', ageMs: 500 })),
  });
  const endedAt = device.clock.wallMs() - 500;
  expect(await sent.settled).toEqual({ outcome, code, reason: 'because', endedAt });
});

test('a message that did not ask has no fate to wait for', async () => {
  const device = await ScriptedDevice.open();
  for (const options of [{}, { ack: 'reach' }, { ack: 'none' }] as const) {
    const sent = await device.post.queue('orders').send(1, options);
    expect(sent.settled).toBeUndefined();
    expect((await device.post.outbox.get(sent.id))?.settled).toBeUndefined();
  }
  expect(device.database.asked.size).toBe(0);
});

test('one that no queue will have is settled by that', async () => {
  const device = await ScriptedDevice.open();
  const orders = device.post.queue('orders');
  const late = await orders.send(1, { ack: 'receive', timeToReachQueueMs: 1_000 });
  const cancelled = await orders.send(2, { ack: 'full' });
  await cancelled.cancel();
  await device.pass(2_000);
  expect(await late.settled).toEqual({ outcome: 'expired', code: 'reach-timeout' });
  expect(await cancelled.settled).toEqual({ outcome: 'cancelled' });
});

test('messages of a transaction ask like others', async () => {
  const device = await ScriptedDevice.open();
  const [orders, visits] = [device.post.queue('orders'), device.post.queue('visits')];
  const [one, two, three] = await device.post.transaction((transaction) => {
    transaction.send(orders, 1);
    transaction.send(orders, 2, { ack: 'receive' });
    transaction.send(visits, 3, { ack: 'full' });
  });
  expect(one?.settled).toBeUndefined();
  expect([two, three].every((sent) => sent?.settled !== undefined)).toBe(true);
  const asked = [...device.database.asked.values()].map(({ id, stream, number }) => [
    id,
    stream.queue,
    number,
  ]);
  expect(asked).toEqual([
    [two?.id, 'orders', 2],
    [three?.id, 'visits', 1],
  ]);
});

test('a frame that comes twice is written down once, and confirmed twice', async () => {
  const device = await ScriptedDevice.open();
  const { sent, connection } = await deliver(device);
  let writes = 0;
  device.database.fault = (operation) => {
    if (operation === 'hear') writes++;
    return 'none';
  };
  for (let times = 0; times < 2; times++) {
    connection.answer(fates([1, sent.id, 'received']));
    await device.settle();
  }
  expect(writes).toBe(1);
  expect(confirmsOf(connection)).toHaveLength(2);
});

test('with the confirm lost, the next hello says how far the device has heard', async () => {
  const device = await ScriptedDevice.open();
  const { sent, connection } = await deliver(device);
  connection.answer(fates([7, sent.id, 'received']));
  await device.settle();
  await device.reconnect();
  const next = device.socket.latest;
  next.open();
  await device.settle();
  expect(helloOf(next).fates).toEqual({ heard: { number: 7, id: sent.id } });
});

test('a reload later, days later, the message is found with its fate, also when its body is long gone', async () => {
  const clock = new ManualClock();
  const database = new MemoryDatabase();
  const first = await ScriptedDevice.open({ database, clock, seed: 'first' });
  const { sent } = await deliver(first);
  await first.post.close();
  // Trimmed, as what was delivered is after three days.
  database.segments.clear();
  clock.advance(10 * DAY_MS);
  const second = await ScriptedDevice.open({ database, clock, seed: 'second' });
  const found = await second.post.outbox.get(sent.id);
  expect(found).toMatchObject({ id: sent.id, queue: 'orders', state: 'delivered', body: undefined });
  expect(found).not.toHaveProperty('fate');
  expect(await second.post.outbox.list({ state: 'delivered' })).toMatchObject([{ id: sent.id }]);
  const connection = await second.greet();
  connection.answer(fates([1, sent.id, 'rejected-by-receiver']));
  expect(await found?.settled).toMatchObject({ outcome: 'dead-lettered', code: 'rejected-by-receiver' });
  const listed = await second.post.outbox.list({ state: 'delivered' });
  expect(listed).toMatchObject([{ id: sent.id, fate: { outcome: 'dead-lettered' } }]);
  // A dead letter that was redriven: the later fate counts.
  connection.answer(fates([2, sent.id, 'received']));
  await second.settle();
  expect(await (await second.post.outbox.get(sent.id))?.settled).toMatchObject({ outcome: 'consumed' });
});

test('a gateway that went back tells anew: lower numbers count, and the cursor goes back with them', async () => {
  const device = await ScriptedDevice.open();
  const { sent, connection } = await deliver(device);
  const other = await device.post.queue('orders').send(2, { ack: 'full' });
  answerPush(connection);
  connection.answer(fates([9, sent.id, 'received']));
  await device.settle();
  connection.answer({ ...fates([3, other.id, 'purged']), restart: true });
  expect(await other.settled).toMatchObject({ outcome: 'purged' });
  await device.settle();
  expect(confirmsOf(connection).at(-1)).toEqual({ number: 3, id: other.id });
  connection.answer(fates([4, sent.id, 'purged']));
  await device.settle();
  expect(device.database.heard).toEqual({ number: 4, id: sent.id });
});

test('fates of messages that this device does not know are confirmed, and nothing is kept of them', async () => {
  const device = await ScriptedDevice.open();
  const { connection } = await deliver(device);
  const unknown = '01890000-0000-7000-8000-0000000000ff' as MessageId;
  connection.answer(fates([1, unknown, 'received']));
  await device.settle();
  expect(confirmsOf(connection)).toEqual([{ number: 1, id: unknown }]);
  expect(await device.post.outbox.get(unknown)).toBeUndefined();
});

test.each([
  ['a signal', true],
  ['no signal, at the next look', false],
])('a tab that does not lead hears of it by %s', async (_, isSignalled) => {
  const { leader, follower } = await twoTabs(isSignalled ? new SignalBus() : undefined);
  const sent = await follower.post.queue('orders').send(1, { ack: 'receive' });
  let known: Settled | undefined;
  sent.settled?.then((settled) => (known = settled)).catch(() => undefined);
  const connection = await leader.greet();
  await leader.pass(20_000);
  answerPush(connection);
  await leader.settle();
  connection.answer(fates([1, sent.id, 'received']));
  await leader.settle();
  if (!isSignalled) {
    expect(known).toBeUndefined();
    await follower.pass(20_000);
  }
  expect(known).toMatchObject({ outcome: 'consumed' });
});

test('what waits for its fate is kept for half a year, what is known for 30 days', async () => {
  const device = await ScriptedDevice.open();
  const { sent, connection } = await deliver(device);
  const waiting = await device.post.queue('orders').send(2, { ack: 'receive' });
  answerPush(connection);
  connection.answer(fates([1, sent.id, 'received']));
  await device.settle();
  await device.post.close();
  const { database, clock } = device;
  let starts = 0;
  // With nobody running, so that days pass at once.
  const passed = async (days: number): Promise<(string | undefined)[]> => {
    clock.advance(days * DAY_MS);
    const next = await ScriptedDevice.open({ database, clock, seed: `start ${++starts}` });
    const visit = await next.post.queue('visits').send(1);
    answerPush(await next.greet());
    await visit.delivered;
    await next.pass(61_000);
    const found = await Promise.all([sent, waiting].map(({ id }) => next.post.outbox.get(id)));
    await next.post.close();
    return found.map((message) => message?.id);
  };
  expect(await passed(29)).toEqual([sent.id, waiting.id]);
  expect(await passed(2)).toEqual([undefined, waiting.id]);
  expect(await passed(148)).toEqual([undefined, waiting.id]);
  expect(await passed(2)).toEqual([undefined, undefined]);
});

test('closed before it is known: settled says so, and the next start goes on waiting', async () => {
  const device = await ScriptedDevice.open();
  const { sent } = await deliver(device);
  const settled = sent.settled;
  await device.settle();
  await device.post.close();
  expect(await settled).toEqual({ outcome: 'closed' });
});

/** Sends a message that asks, and has the gateway take it. */
async function deliver(device: ScriptedDevice): Promise<{ sent: Sent; connection: ScriptedConnection }> {
  const sent = await device.post.queue('orders').send(1, { ack: 'full' });
  const connection = await device.greet();
  answerPush(connection);
  expect(await sent.delivered).toEqual({ outcome: 'delivered' });
  return { sent, connection };
}

function fates(...told: readonly (readonly [number, MessageId, string])[]): Fates {
  return {
    type: 'fates',
    fates: told.map(([number, id, code]) => ({ number, id, code, ageMs: 0 })),
  } satisfies DownFrame;
}

function confirmsOf(connection: ScriptedConnection): Extract<UpFrame, { type: 'confirm' }>['fates'][] {
  return connection.sent.filter((frame) => frame.type === 'confirm').map((frame) => frame.fates);
}
