import { LIMITS, type Run } from '@fieldpost/protocol';
import type { Fieldpost, Sent, Transaction } from '@fieldpost/sdk';
import { MemoryDatabase, type ScriptedConnection } from '@fieldpost/sdk/testing';
import { describe, expect, test } from 'vitest';
import {
  answerPush,
  idsOf,
  pushesOf,
  runsOf,
  ScriptedDevice,
  state,
  takenState,
} from '../support/scripted-device.ts';

// Several messages that are saved and sent together or not at all, with the test as the device's gateway.

describe('saving', () => {
  test('a transaction is one save: all of it is on disk, or nothing', async () => {
    const database = new MemoryDatabase();
    const device = await ScriptedDevice.open({ database });
    let isFull = true;
    database.fault = (operation) => (operation === 'save' && isFull ? 'full' : 'none');
    await expect(sendBoth(device.post)).rejects.toMatchObject({ code: 'storage-full' });
    expect(database.segments.size).toBe(0);
    isFull = false;
    const sent = await sendBoth(device.post);
    expect(sent.map(({ queue, priority }) => [queue, priority])).toEqual([
      ['orders', 3],
      ['stock', 6],
      ['orders', 3],
    ]);
    expect([...database.segments.values()].map(({ key }) => [key.count, key.part])).toEqual([
      [2, { index: 0, parts: 2 }],
      [1, { index: 1, parts: 2 }],
    ]);
  });

  test('what the callback throws leaves nothing, and nothing can be added later', async () => {
    const { post, database } = await ScriptedDevice.open();
    const orders = post.queue('orders');
    const thrown = post.transaction((transaction) => {
      transaction.send(orders, 1);
      throw new Error('changed my mind');
    });
    await expect(thrown).rejects.toThrow('changed my mind');
    const unserialisable = post.transaction((transaction) => {
      transaction.send(orders, 1);
      transaction.send(orders, undefined);
    });
    await expect(unserialisable).rejects.toMatchObject({ code: 'not-serialisable' });
    let late: (() => void) | undefined;
    await post.transaction((transaction) => {
      late = () => transaction.send(orders, 2);
    });
    expect(late).toThrow(expect.objectContaining({ code: 'closed' }));
    expect(database.segments.size).toBe(0);
  });

  test.each<[string, (post: Fieldpost) => Promise<unknown>, string]>([
    ['more messages than travel in one piece', (post) => sendMany(post, 257, 'x'), 'too-large'],
    ['more bytes', (post) => sendMany(post, 3, 'x'.repeat(LIMITS.transactionBytes / 2)), 'too-large'],
    [
      'a callback that takes its time',
      (post) =>
        Reflect.apply(post.transaction.bind(post), undefined, [
          async (transaction: Transaction) => {
            transaction.send(post.queue('orders'), 1);
            await Promise.resolve();
          },
        ]),
      'invalid-argument',
    ],
  ])('refuses %s', async (_, send, code) => {
    const { post, database } = await ScriptedDevice.open();
    await expect(send(post)).rejects.toMatchObject({ code });
    expect(database.segments.size).toBe(0);
  });

  test('stands in its lanes where it was sent', async () => {
    const device = await ScriptedDevice.open();
    const orders = device.post.queue('orders');
    const first = orders.send('before');
    const both = sendBoth(device.post);
    const last = orders.send('behind');
    const ids = [await first, (await both)[0], (await both)[2], await last].map((sent) => sent?.id);
    const connection = await device.greet();
    for (let answers = 0; answers < pushesOf(connection).length; answers++) {
      answerPush(connection);
      await device.settle();
    }
    const inOrders = runsOf(connection).filter(({ queue }) => queue === 'orders');
    expect(inOrders.flatMap(idsOf)).toEqual(ids);
  });
});

describe('pushing', () => {
  test('goes in one push, whatever else waits and however small the window is', async () => {
    const device = await ScriptedDevice.open();
    await device.post.queue('orders').send('before');
    const sent = await sendBoth(device.post);
    await device.post.queue('stock').send('urgent', { priority: 7 });
    const connection = await device.greet([], { windowMessages: 2 });
    for (let answers = 0; answers < pushesOf(connection).length; answers++) {
      answerPush(connection);
      await device.settle();
    }
    const [push, ...others] = pushesOf(connection).filter(({ runs }) => runs.some(isAtomic));
    expect(others).toEqual([]);
    const runs = push?.runs.filter(isAtomic) ?? [];
    expect(new Set(runs.map(({ atomic }) => atomic)).size).toBe(1);
    expect(new Set(runs.flatMap(idsOf))).toEqual(new Set(sent.map(({ id }) => id)));
    expect(await outcomes(sent)).toEqual(['delivered', 'delivered', 'delivered']);
    expect(device.post.status.get()).toMatchObject({ pending: 0 });
  });

  test('a queue that is full holds all back; what is before it in other lanes goes on', async () => {
    const device = await ScriptedDevice.open();
    const connection = await device.greet();
    const sent = await sendBoth(device.post);
    await device.settle();
    const stall = { code: 'quota-exceeded', retryAfterMs: 5_000 };
    const runs = runsOf(connection).filter(isAtomic);
    connection.answer({ type: 'ack', streams: runs.map((run) => ({ ...state(run, 0), stall })) });
    await device.pass(4_000);
    await device.post.queue('visits').send(1);
    await device.settle();
    expect(runsOf(connection).filter(isAtomic)).toHaveLength(runs.length);
    expect(runsOf(connection).at(-1)?.queue).toBe('visits');
    await device.pass(2_000);
    const again = runsOf(connection).filter(isAtomic).slice(runs.length);
    expect(again.flatMap(idsOf)).toHaveLength(3);
    for (const push of pushesOf(connection).slice(1))
      connection.answer({ type: 'ack', streams: push.runs.map(takenState) });
    expect(await outcomes(sent)).toEqual(['delivered', 'delivered', 'delivered']);
  });

  test('passed over in one stream, it comes again whole', async () => {
    const device = await ScriptedDevice.open();
    await sendBoth(device.post);
    const connection = await device.greet();
    const before = runsOf(connection).length;
    connection.answer({ type: 'ack', streams: runsOf(connection).map((run) => state(run, 0)) });
    await device.settle();
    const again = runsOf(connection).slice(before);
    expect(again.filter(isAtomic).flatMap(idsOf)).toHaveLength(3);
  });

  test('after a reload it goes in one push, too, and is refused whole with its bodies kept', async () => {
    const database = new MemoryDatabase();
    const before = await ScriptedDevice.open({ database });
    const sent = await sendBoth(before.post);
    await before.post.close();
    const device = await ScriptedDevice.open({ database, seed: 'later' });
    const connection = await device.greet();
    const [push] = pushesOf(connection);
    expect(push?.runs.every(isAtomic)).toBe(true);
    refuseAll(connection);
    await device.settle();
    const refused = await device.post.outbox.list({ state: 'refused' });
    expect(refused.map(({ id }) => id).toSorted()).toEqual(sent.map(({ id }) => id).toSorted());
    expect(refused.map(({ code, body }) => [code, typeof body])).toEqual(
      sent.map(() => ['transaction-refused', 'object']),
    );
  });

  test('one that no request can carry is refused whole, and the rest flows', async () => {
    const device = await ScriptedDevice.open();
    const sent = await sendBoth(device.post);
    const behind = await device.post.queue('orders').send('behind');
    for (let tries = 0; tries < 12 && device.post.status.get().pending > 0; tries++) {
      const connection = await device.greet();
      const isLarge = pushesOf(connection).some(({ runs }) =>
        runs.some((run) => isAtomic(run) && run.skips === undefined),
      );
      if (isLarge) {
        connection.answer({ type: 'error', code: 'payload-too-large', detail: 'too large' });
        await device.settle();
        await device.reconnect();
        continue;
      }
      for (let answers = 0; answers < pushesOf(connection).length; answers++) {
        answerPush(connection);
        await device.settle();
      }
    }
    expect(await behind.delivered).toEqual({ outcome: 'delivered' });
    expect(await outcomes(sent)).toEqual(['refused', 'refused', 'refused']);
  });
});

describe('what happens to one happens to all', () => {
  test('cancel', async () => {
    const device = await ScriptedDevice.open();
    const sent = await sendBoth(device.post);
    expect(await sent[1]?.cancel()).toBe('cancelled');
    expect(await outcomes(sent)).toEqual(['cancelled', 'cancelled', 'cancelled']);
    expect(device.post.status.get()).toMatchObject({ pending: 0 });
    const runs = runsOf(await device.greet());
    expect(
      runs
        .flatMap(({ skips }) => skips ?? [])
        .map(({ id }) => id)
        .toSorted(),
    ).toEqual(sent.map(({ id }) => id).toSorted());
  });

  test('cancel of what may have been sent: it is asked for in all', async () => {
    const device = await ScriptedDevice.open();
    const sent = await sendBoth(device.post);
    await device.greet();
    device.socket.latest.end();
    const cancel = sent[2]?.cancel();
    await device.settle();
    await device.reconnect();
    const connection = await device.greet();
    expect(runsOf(connection).flatMap(({ skips }) => skips ?? [])).toHaveLength(3);
    answerPush(connection);
    expect(await cancel).toBe('cancelled');
    expect(await outcomes(sent)).toEqual(['cancelled', 'cancelled', 'cancelled']);
  });

  test('expiry', async () => {
    const device = await ScriptedDevice.open();
    const { post } = device;
    const sent = await post.transaction((transaction) => {
      transaction.send(post.queue('orders'), { n: 1 });
      transaction.send(post.queue('stock'), { n: 2 }, { timeToReachQueueMs: 60_000 });
      transaction.send(post.queue('orders'), { n: 3 }, { timeToLiveMs: 90_000 });
    });
    await device.pass(59_000);
    expect(post.status.get()).toMatchObject({ pending: 3 });
    await device.pass(1_000);
    expect(await outcomes(sent)).toEqual(['expired', 'expired', 'expired']);
    const expired = await post.outbox.list({ state: 'expired' });
    expect(expired.map(({ code }) => code)).toEqual(sent.map(() => 'reach-timeout'));
    expect(expired.map(({ body }) => body)).toEqual(expect.arrayContaining([{ n: 1 }, { n: 2 }, { n: 3 }]));
  });
});

/** Two messages to one queue and one to another, of a higher priority. */
function sendBoth(post: Fieldpost): Promise<readonly Sent[]> {
  return post.transaction((transaction) => {
    transaction.send(post.queue('orders'), { n: 1 });
    transaction.send(post.queue('stock'), { n: 2 }, { priority: 6 });
    transaction.send(post.queue('orders'), { n: 3 });
  });
}

function sendMany(post: Fieldpost, count: number, body: string): Promise<unknown> {
  return post.transaction((transaction) => {
    for (let n = 0; n < count; n++) transaction.send(post.queue('orders'), body);
  });
}

function isAtomic({ atomic }: Run): boolean {
  return atomic !== undefined;
}

async function outcomes(sent: readonly Sent[]): Promise<string[]> {
  const deliveries = await Promise.all(sent.map(({ delivered }) => delivered));
  return deliveries.map(({ outcome }) => outcome);
}

function refuseAll(connection: ScriptedConnection): void {
  const streams = runsOf(connection).map((run) => ({
    ...takenState(run),
    refusals: idsOf(run).map((id, index) => ({ number: run.first + index, id, code: 'transaction-refused' })),
  }));
  connection.answer({ type: 'ack', streams });
}
