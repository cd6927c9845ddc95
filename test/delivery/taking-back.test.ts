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

// Messages that the app takes back, with the test as the device's gateway.

const CANCELLED = { outcome: 'cancelled' };

describe('what was never sent', () => {
  test('is taken back at once, offline: it is a skip, and no dead letter', async () => {
    const device = await ScriptedDevice.open();
    const orders = device.post.queue('orders');
    const [first, second] = await Promise.all([orders.send(1), orders.send(2)]);
    expect(await first.cancel()).toBe('cancelled');
    expect(await first.delivered).toEqual(CANCELLED);
    expect(await first.cancel()).toBe('cancelled');
    expect(device.post.status.get()).toMatchObject({ pending: 1, deadLetters: 0 });
    expect((await device.post.outbox.list()).map(({ id }) => id)).toEqual([second.id]);
    const connection = await device.greet();
    const run = only(runsOf(connection));
    expect(run.skips).toEqual([{ index: 0, id: first.id, code: 'cancelled' }]);
    expect(idsOf(run)).toEqual([first.id, second.id]);
    answerPush(connection);
    expect(await second.delivered).toEqual({ outcome: 'delivered' });
    await device.settle();
    expect(device.post.status.get()).toMatchObject({ pending: 0, deadLetters: 0 });
    expect(device.database.skips.size).toBe(0);
    expect(await device.post.outbox.get(first.id)).toMatchObject({ state: 'cancelled', body: undefined });
    expect(await first.cancel()).toBe('cancelled');
  });

  test('is taken back after a reload, by its id', async () => {
    const database = new MemoryDatabase();
    const before = await ScriptedDevice.open({ database });
    const sent = await before.post.queue('orders').send(1);
    await before.post.close();
    const after = await ScriptedDevice.open({ database, seed: 'later' });
    expect(await after.post.outbox.cancel(sent.id)).toBe('cancelled');
    expect(after.post.status.get()).toMatchObject({ pending: 0 });
    const message = await after.post.outbox.get(sent.id);
    expect(message).toMatchObject({ state: 'cancelled' });
    expect(await message?.delivered).toEqual(CANCELLED);
  });

  test('is taken back by one tab, and another one that sends hears of it before it can send it', async () => {
    // No signals here: what the leader knows of the cancel it learns when it offers.
    const { leader, follower } = await twoTabs(undefined);
    const sent = await follower.post.queue('orders').send(1);
    await leader.pass(16_000);
    expect(leader.post.status.get().pending).toBe(1);
    expect(await follower.post.outbox.cancel(sent.id)).toBe('cancelled');
    const run = only(runsOf(await leader.greet()));
    expect(run.skips).toMatchObject([{ id: sent.id, code: 'cancelled' }]);
    expect(await sent.delivered).toEqual(CANCELLED);
  });

  test('and saved while the device was online and quiet, it is taken back for good once it is offline', async () => {
    const device = await ScriptedDevice.open();
    const orders = device.post.queue('orders');
    await orders.send(1);
    answerPush(await device.greet());
    await device.settle();
    device.socket.latest.end();
    await device.settle();
    const sent = await orders.send(2);
    expect(await sent.cancel()).toBe('cancelled');
  });

  test('a browser that is killed while it is online and quiet leaves nothing offered that it did not send', async () => {
    const database = new MemoryDatabase();
    const before = await ScriptedDevice.open({ database });
    await before.post.queue('orders').send(1);
    answerPush(await before.greet());
    await before.pass(6_000);
    const after = await ScriptedDevice.open({ database: database.copy(), seed: 'later' });
    const sent = await after.post.queue('orders').send(2);
    expect(await sent.cancel()).toBe('cancelled');
  });
});

test('a send with the id of a message that was taken back is that message', async () => {
  const id = '01890000-0000-7000-8000-00000000cafe';
  const device = await ScriptedDevice.open();
  const orders = device.post.queue('orders');
  const sent = await orders.send({ n: 1 }, { id });
  expect(await sent.cancel()).toBe('cancelled');
  const again = await orders.send({ n: 1 }, { id });
  expect(await again.delivered).toEqual(CANCELLED);
  expect(device.post.status.get()).toMatchObject({ pending: 0 });
});

describe('what may have been sent', () => {
  test('is told when the gateway has answered: it was too late', async () => {
    const device = await ScriptedDevice.open();
    const sent = await device.post.queue('orders').send(1);
    const connection = await device.greet();
    const cancel = await pendingCancel(device, sent.cancel());
    answerPush(connection);
    expect(await cancel.outcome).toBe('already-delivered');
    expect(await sent.delivered).toEqual({ outcome: 'delivered' });
    expect(await sent.cancel()).toBe('already-delivered');
    await device.settle();
    expect(device.database.skips.size).toBe(0);
  });

  test('is told when the gateway has answered: it was in time', async () => {
    const device = await ScriptedDevice.open();
    const sent = await device.post.queue('orders').send(1);
    await device.greet();
    device.socket.latest.end();
    const cancel = await pendingCancel(device, sent.cancel());
    await device.reconnect();
    const connection = await device.greet();
    const run = only(runsOf(connection));
    expect(run.skips).toEqual([{ index: 0, id: sent.id, code: 'cancelled' }]);
    expect(cancel.isKnown()).toBe(false);
    connection.answer({ type: 'ack', streams: [takenState(run)] });
    expect(await cancel.outcome).toBe('cancelled');
    expect(await sent.delivered).toEqual(CANCELLED);
    expect(device.post.status.get()).toMatchObject({ pending: 0, deadLetters: 0 });
  });

  test('and arrived with its answer lost: the next welcome says so', async () => {
    const device = await ScriptedDevice.open();
    const sent = await device.post.queue('orders').send(1);
    const run = only(runsOf(await device.greet()));
    device.socket.latest.end();
    const cancel = await pendingCancel(device, sent.cancel());
    await device.reconnect();
    await device.greet([state(run, 1, sent.id)]);
    expect(await cancel.outcome).toBe('already-delivered');
  });

  test('the question outlives a reload', async () => {
    const database = new MemoryDatabase();
    const before = await ScriptedDevice.open({ database });
    const sent = await before.post.queue('orders').send(1);
    await before.greet();
    const asked = expect(sent.cancel()).rejects.toMatchObject({ code: 'closed' });
    await before.settle();
    await before.post.close();
    await asked;
    const after = await ScriptedDevice.open({ database, seed: 'later' });
    const connection = await after.greet();
    expect(only(runsOf(connection)).skips).toMatchObject([{ code: 'cancelled' }]);
    const message = await after.post.outbox.get(sent.id);
    expect(message).toMatchObject({ state: 'pending' });
    answerPush(connection);
    expect(await message?.delivered).toEqual(CANCELLED);
  });

  test('a tab that did not ask hears of it, too, whoever settles', async () => {
    const { leader, follower } = await twoTabs(new SignalBus());
    const sent = await follower.post.queue('orders').send(1);
    await leader.greet();
    leader.socket.latest.end();
    const asking = leader.post.outbox.cancel(sent.id);
    await leader.reconnect();
    answerPush(await leader.greet());
    expect(await asking).toBe('cancelled');
    expect(await sent.delivered).toEqual(CANCELLED);
  });
});

describe('what cannot be taken back', () => {
  test('a refused message is set aside, before and after the app has dealt with it', async () => {
    const device = await ScriptedDevice.open();
    const sent = await device.post.queue('orders').send(1);
    const connection = await device.greet();
    const run = only(runsOf(connection));
    const refusals = [{ number: 1, id: sent.id, code: 'too-large' }];
    connection.answer({ type: 'ack', streams: [{ ...takenState(run), refusals }] });
    await sent.delivered;
    expect(await sent.cancel()).toBe('set-aside');
    expect(await device.post.outbox.cancel(sent.id)).toBe('set-aside');
    await device.post.outbox.discard(sent.id);
    expect(await sent.cancel()).toBe('set-aside');
    expect(await device.post.outbox.get(sent.id)).toMatchObject({ state: 'refused', code: 'too-large' });
  });

  test('an id that is not known', async () => {
    const device = await ScriptedDevice.open();
    const unknown = device.post.outbox.cancel('01890000-0000-7000-8000-00000000beef');
    await expect(unknown).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('offering', () => {
  test('nothing is sent before it is stored as offered', async () => {
    const device = await ScriptedDevice.open();
    await device.post.queue('orders').send(1);
    let fails = true;
    device.database.fault = (operation) => (operation === 'offer' && fails ? 'full' : 'none');
    const connection = await device.greet();
    expect(runsOf(connection)).toEqual([]);
    fails = false;
    await device.pass(1_000);
    expect(runsOf(connection)).toHaveLength(1);
    expect(device.database.offered).toBeGreaterThanOrEqual(1);
  });

  test('one write serves many frames', async () => {
    const device = await ScriptedDevice.open();
    let offers = 0;
    device.database.fault = (operation) => {
      if (operation === 'offer') offers++;
      return 'none';
    };
    const orders = device.post.queue('orders');
    const connection = await device.greet();
    for (let n = 0; n < 200; n++) {
      await orders.send(n);
      await device.settle();
      answerPush(connection);
    }
    expect(offers).toBeLessThan(12);
  });
});

/** A cancel that has reached the store and is not yet decided. */
async function pendingCancel(
  device: ScriptedDevice,
  outcome: Promise<string>,
): Promise<{ readonly outcome: Promise<string>; isKnown(): boolean }> {
  let isKnown = false;
  const watched = outcome.finally(() => (isKnown = true));
  await device.settle();
  expect(isKnown).toBe(false);
  return { outcome: watched, isKnown: () => isKnown };
}
