import { connect, FieldpostError, type StatusSnapshot } from '@fieldpost/sdk';
import { createMemoryOutboxStore, MemoryDatabase, SignalBus } from '@fieldpost/sdk/testing';
import { expect, test } from 'vitest';
import { ackOf, pushesOf, runsOf, ScriptedDevice, takenState } from '../support/scripted-device.ts';
import { twoTabs } from '../support/two-tabs.ts';

// Several tabs on one outbox, and the life of a connection object.

test('one tab drains what both have saved, and both hear of it', async () => {
  const { leader, follower } = await twoTabs(new SignalBus());
  const mine = await leader.post.queue('orders').send('of the leader');
  const theirs = await follower.post.queue('orders').send('of the other');
  await leader.settle();
  expect(follower.post.status.get().state).toBe('standby');
  expect(leader.post.status.get().pending).toBe(2);
  await drain(leader);
  expect(await theirs.delivered).toEqual({ outcome: 'delivered' });
  expect(await mine.delivered).toEqual({ outcome: 'delivered' });
  expect(follower.post.status.get()).toMatchObject({ pending: 0, online: true, state: 'standby' });
});

test('without signals they find out by looking, in a quarter of a minute', async () => {
  const { leader, follower } = await twoTabs(undefined);
  const sent = await follower.post.queue('orders').send(1);
  expect(leader.post.status.get().pending).toBe(0);
  await leader.pass(16_000);
  expect(leader.post.status.get().pending).toBe(1);
  await drain(leader);
  await follower.pass(16_000);
  expect(await sent.delivered).toEqual({ outcome: 'delivered' });
  expect(follower.post.status.get().pending).toBe(0);
});

test('a refusal is heard as one in the tab that did not drain', async () => {
  const { leader, follower } = await twoTabs(new SignalBus());
  const sent = await follower.post.queue('orders').send(1);
  await leader.settle();
  const connection = await leader.greet();
  const [run] = runsOf(connection);
  if (run === undefined) throw new Error('nothing was pushed');
  const refusals = [{ number: 1, id: sent.id, code: 'access-denied' }];
  connection.answer({ type: 'ack', streams: [{ ...takenState(run), refusals }] });
  expect(await sent.delivered).toEqual({ outcome: 'refused', code: 'access-denied' });
  await follower.settle();
  expect(follower.post.status.get().deadLetters).toBe(1);
});

test('when the draining tab is closed, the other takes over and names the session', async () => {
  const { leader, follower } = await twoTabs(new SignalBus());
  await leader.greet();
  await leader.post.close();
  await follower.settle();
  const sent = await follower.post.queue('orders').send(1);
  await drain(follower);
  expect(await sent.delivered).toEqual({ outcome: 'delivered' });
});

test('a message of an earlier start can be waited for after a reload', async () => {
  const database = new MemoryDatabase();
  const before = await ScriptedDevice.open({ database });
  const { id } = await before.post.queue('orders').send({ n: 1 });
  await before.post.close();
  const device = await ScriptedDevice.open({ database, seed: 'later' });
  const message = await device.post.outbox.get(id);
  expect(message).toMatchObject({ state: 'pending', body: { n: 1 } });
  await drain(device);
  expect(await message?.delivered).toEqual({ outcome: 'delivered' });
  expect((await device.post.outbox.get(id))?.state).toBe('delivered');
});

test('a closed object says so, tells who waits, and leaves everything saved', async () => {
  const device = await ScriptedDevice.open();
  const orders = device.post.queue('orders');
  const saving = orders.send('on its way to the disk');
  await Promise.all([device.post.close(), device.post.close()]);
  const sent = await saving;
  expect(await sent.delivered).toEqual({ outcome: 'closed' });
  expect(device.post.status.get().state).toBe('closed');
  await expect(orders.send(1)).rejects.toMatchObject({ code: 'closed' });
  await expect(device.post.outbox.list()).rejects.toBeInstanceOf(FieldpostError);
  const again = await ScriptedDevice.open({ database: device.database, seed: 'later' });
  expect(again.post.status.get().pending).toBe(1);
});

test('a logout says what stays behind', async () => {
  const device = await ScriptedDevice.open();
  await device.post.queue('orders').send(1);
  expect(await device.post.logout()).toEqual({ pending: 1, deadLetters: 0 });
});

test('a database that is another than the marker remembers is told', async () => {
  const marker = { read: () => '11111111-1111-4111-8111-111111111111' as never, write: () => undefined };
  const device = await ScriptedDevice.open({ connect: { surroundings: { marker } } });
  expect(device.post.status.get().problems).toMatchObject([{ code: 'storage-lost' }]);
});

test('a listener that throws disturbs nobody', async () => {
  const device = await ScriptedDevice.open();
  const heard: StatusSnapshot[] = [];
  device.post.status.subscribe(() => {
    throw new Error('a mistake of the app');
  });
  const stop = device.post.status.subscribe((snapshot) => heard.push(snapshot));
  await device.post.queue('orders').send(1);
  await drain(device);
  expect(heard.at(-1)).toMatchObject({ pending: 0, online: true });
  expect(heard.map(({ pending }) => pending)).toContain(1);
  stop();
  const count = heard.length;
  await device.post.queue('orders').send(2);
  expect(heard).toHaveLength(count);
});

test.each<[string, object]>([
  ['a gateway that is no URL', { gateway: 'gateway.example' }],
  ['a gateway of another protocol', { gateway: 'ftp://gateway.example' }],
  ['a token instead of a function', { token: 'abc' }],
  ['a transport that does not exist', { transport: 'pigeon' }],
  ['an empty subject', { subject: '' }],
  ['keeping for less than no time', { keepDelivered: { forMs: -1 } }],
])('%s is refused by connect', async (_, options) => {
  const base = {
    gateway: 'https://gateway.test',
    token: () => 't',
    surroundings: { store: createMemoryOutboxStore() },
  };
  await expect(connect({ ...base, ...options })).rejects.toMatchObject({ code: 'invalid-argument' });
});

test('delivered messages go from the log when they are old', async () => {
  const device = await ScriptedDevice.open({ connect: { keepDelivered: { forMs: 3_600_000 } } });
  const sent = await device.post.queue('orders').send(1);
  await drain(device);
  await device.pass(61_000);
  expect(await device.post.outbox.get(sent.id)).toMatchObject({ state: 'delivered' });
  device.clock.jumpWall(3_600_000);
  await device.post.queue('orders').send(2);
  await device.settle();
  const connection = device.socket.latest;
  connection.answer(ackOf(pushesOf(connection)[1] ?? fail()));
  await device.pass(61_000);
  expect(await device.post.outbox.get(sent.id)).toBeUndefined();
});

/** Plays a gateway that takes everything the device has. */
async function drain(device: ScriptedDevice): Promise<void> {
  await device.settle();
  const connection = await device.greet();
  for (let answered = 0; answered < pushesOf(connection).length; answered++) {
    connection.answer(ackOf(pushesOf(connection)[answered] ?? fail()));
    await device.settle();
  }
}

function fail(): never {
  throw new Error('nothing was pushed');
}
