import type { MessageId } from '@fieldpost/protocol';
import { MemoryDatabase } from '@fieldpost/sdk/testing';
import { describe, expect, test } from 'vitest';
import { codeOf } from '../support/code-of.ts';
import { answerPush, idsOf, runsOf, ScriptedDevice, takenState } from '../support/scripted-device.ts';

// Ids that the app gives to its messages.

const ID = '01890000-0000-7000-8000-000000000001' as MessageId;

describe('ids of the app', () => {
  test('the same id and message again is the first one, also after a reload and after delivery', async () => {
    const database = new MemoryDatabase();
    const device = await ScriptedDevice.open({ database });
    const orders = device.post.queue('orders');
    const twice = await Promise.all([orders.send({ n: 1 }, { id: ID }), orders.send({ n: 1 }, { id: ID })]);
    expect(twice.map(({ id }) => id)).toEqual([ID, ID]);
    await orders.send({ n: 1 }, { id: ID });
    const connection = await device.greet();
    const runs = runsOf(connection);
    expect(runs.flatMap(idsOf)).toEqual([ID]);
    connection.answer({ type: 'ack', streams: runs.map(takenState) });
    await device.settle();
    await device.post.close();
    const later = await ScriptedDevice.open({ database, seed: 'later' });
    const again = await later.post.queue('orders').send({ n: 1 }, { id: ID });
    expect(await again.delivered).toEqual({ outcome: 'delivered' });
    expect(later.post.status.get().pending).toBe(0);
  });

  test('the same id for another message is a conflict, and disturbs no other send', async () => {
    const device = await ScriptedDevice.open();
    const orders = device.post.queue('orders');
    const outcomes = await Promise.all([
      codeOf(orders.send(1, { id: ID })),
      codeOf(orders.send(2, { id: ID })),
      codeOf(orders.send(3)),
    ]);
    expect(outcomes).toEqual(['sent', 'conflict', 'sent']);
    expect(await codeOf(orders.send(4, { id: ID }))).toBe('conflict');
    expect(await codeOf(device.post.queue('visits').send(1, { id: ID }))).toBe('conflict');
    expect((await device.post.outbox.list()).map(({ body }) => body)).toEqual([1, 3]);
  });

  test('a supplied id keeps its place among the others', async () => {
    const device = await ScriptedDevice.open();
    const orders = device.post.queue('orders');
    await Promise.all([orders.send(1), orders.send(2, { id: ID }), orders.send(3)]);
    expect((await device.post.outbox.list()).map(({ body }) => body)).toEqual([1, 2, 3]);
  });
});

describe('an id of its own whose saved copy is damaged', () => {
  test('before it was delivered: the same send is refused for good, and the rest goes on', async () => {
    const { database, position } = await savedWithOwnId();
    database.damage(position);
    const device = await ScriptedDevice.open({ database, seed: 'later' });
    const orders = device.post.queue('orders');
    const again = () => orders.send({ n: 1 }, { id: ID });
    // Before the gateway has heard of the skip, and after it.
    await expect(again()).rejects.toMatchObject({ code: 'unreadable', retry: 'never' });
    const connection = await device.greet();
    expect(runsOf(connection)).toMatchObject([{ skips: [{ index: 0, code: 'unreadable' }] }]);
    answerPush(connection);
    await device.settle();
    expect(device.post.status.get()).toMatchObject({ pending: 0, deadLetters: 1 });
    await expect(again()).rejects.toMatchObject({ code: 'unreadable', retry: 'never' });
    const other = await orders.send({ n: 1 });
    await device.settle();
    answerPush(connection);
    expect(await other.delivered).toEqual({ outcome: 'delivered' });
  });

  test('after it was delivered: the same send is the first one, and delivered', async () => {
    const { database, position } = await savedWithOwnId({ isDelivered: true });
    database.damage(position);
    const device = await ScriptedDevice.open({ database, seed: 'later' });
    const again = await device.post.queue('orders').send({ n: 1 }, { id: ID });
    expect(await again.delivered).toEqual({ outcome: 'delivered' });
    expect(runsOf(await device.greet())).toEqual([]);
  });

  test('gone altogether: the same send is refused for good, and does not try for ever', async () => {
    const { database, position } = await savedWithOwnId();
    database.segments.delete(position);
    const device = await ScriptedDevice.open({ database, seed: 'later' });
    const again = device.post.queue('orders').send({ n: 1 }, { id: ID });
    await expect(again).rejects.toMatchObject({ code: 'unreadable', retry: 'never' });
  });

  test('trimmed between two looks: its id is free, and it is saved anew', async () => {
    const { database, position } = await savedWithOwnId({ isDelivered: true });
    const device = await ScriptedDevice.open({ database, seed: 'later' });
    database.fault = (operation) => {
      if (operation === 'find') {
        database.segments.delete(position);
        database.suppliedIds.delete(ID);
      }
      return 'none';
    };
    await device.post.queue('orders').send({ n: 1 }, { id: ID });
    const connection = await device.greet();
    expect(runsOf(connection).flatMap(idsOf)).toEqual([ID]);
  });
});

/** A device that saved one message under an id of its own, and was closed. */
async function savedWithOwnId(
  options: { readonly isDelivered?: true } = {},
): Promise<{ readonly database: MemoryDatabase; readonly position: number }> {
  const database = new MemoryDatabase();
  const device = await ScriptedDevice.open({ database });
  await device.post.queue('orders').send({ n: 1 }, { id: ID });
  if (options.isDelivered === true) {
    answerPush(await device.greet());
    await device.settle();
  }
  await device.post.close();
  return { database, position: database.lastPosition };
}
