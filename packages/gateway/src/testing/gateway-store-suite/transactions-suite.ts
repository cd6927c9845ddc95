import { streamKeyText } from '@fieldpost/protocol';
import { expect, test } from 'vitest';
import { sendKeyText } from '../../core/snapshot-keys.ts';
import type { GatewayStore } from '../../ports/gateway-store.ts';
import {
  append,
  deviceId,
  deviceRow,
  epochId,
  messageId,
  newMessage,
  newMessages,
  NOW,
  numbersIn,
  pushChanges,
  queueRow,
  receive,
  streamKey,
  write,
} from './fixtures.ts';
import type { GatewayStoreHarness } from './harness.ts';

/** All or nothing, one after the other, and still there after a restart. */
export function transactionsSuite(harness: () => GatewayStoreHarness, store: () => GatewayStore): void {
  test('a second change that fails takes the first one back', async () => {
    await write(store(), { type: 'put-queue', row: queueRow() });
    const failing = write(
      store(),
      { type: 'put-queue', row: queueRow('made-in-vain') },
      { type: 'put-device', row: deviceRow(1) },
      { type: 'put-epoch', row: { epoch: epochId(1), subject: 'rep-1' } },
      { type: 'skip', stream: streamKey(1), fate: { number: 1, id: messageId(1), code: 'cancelled' } },
      {
        type: 'put-send',
        queue: 'orders',
        row: { id: messageId(1), contentHash: new Uint8Array(32), sentAt: NOW },
      },
      ...pushChanges(streamKey(1), 0, 3),
      { type: 'append', queue: 'no-such-queue', messages: [newMessage(1)] },
    );
    await expect(failing).rejects.toMatchObject({ name: 'StoreError', code: 'queue-not-found' });

    expect(await numbersIn(store())).toEqual([]);
    expect(await store().getQueue('made-in-vain', NOW)).toBeUndefined();
    const seen = await store().transact(
      {
        device: deviceId(1),
        epochs: [epochId(1)],
        streams: [{ key: streamKey(1), since: 0 }],
        sends: [{ queue: 'orders', id: messageId(1) }],
      },
      (snapshot) => ({ changes: [], result: snapshot }),
    );
    expect(seen).toMatchObject({
      device: undefined,
      epochs: new Map(),
      streams: new Map(),
      usage: new Map(),
      sends: new Map(),
    });
    // Another epoch comes first now, and neither is taken for the other.
    await write(store(), ...pushChanges(streamKey(2), 0, 1), ...pushChanges(streamKey(1), 0, 2));
    const { messages } = await store().peek({ queue: 'orders', limit: 9, bodies: false, now: NOW });
    expect(messages.map(({ origin }) => origin)).toEqual([
      { device: deviceId(1), epoch: epochId(2), number: 1 },
      { device: deviceId(1), epoch: epochId(1), number: 1 },
      { device: deviceId(1), epoch: epochId(1), number: 2 },
    ]);
  });

  test('a deleted queue is back when a later change of the same transaction fails', async () => {
    await write(store(), { type: 'put-queue', row: queueRow() });
    await append(store(), newMessages(1, 3));
    const failing = write(
      store(),
      { type: 'delete-queue', name: 'orders', at: NOW },
      { type: 'delete-queue', name: 'orders', at: NOW },
    );
    await expect(failing).rejects.toMatchObject({ code: 'queue-not-found' });
    expect(await numbersIn(store())).toEqual([1, 2, 3]);
    await append(store(), [newMessage(4)]);
    expect(await numbersIn(store())).toEqual([1, 2, 3, 4]);
  });

  test('a decide that throws writes nothing, fails its own call with its own error, and no other', async () => {
    await write(store(), { type: 'put-queue', row: queueRow() });
    const problem = new Error('decided to fail');
    const calls = [
      append(store(), [newMessage(1)]),
      store().transact({}, () => {
        throw problem;
      }),
      append(store(), [newMessage(2)]),
      append(store(), [newMessage(3)], 'no-such-queue'),
      append(store(), [newMessage(4)]),
    ];
    const outcomes = await Promise.allSettled(calls);
    expect(outcomes.map((outcome) => outcome.status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    expect(outcomes[1]).toMatchObject({ reason: problem });
    expect(await numbersIn(store())).toEqual([1, 2, 4]);
  });

  test('of 20 concurrent writers on one compare-and-set, one wins', async () => {
    await write(store(), { type: 'put-queue', row: queueRow() });
    const writers = Array.from({ length: 20 }, () => write(store(), ...pushChanges(streamKey(1), 0, 5)));
    const outcomes = await Promise.allSettled(writers);
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected')
        expect(outcome.reason).toMatchObject({ name: 'StoreError', code: 'conflict' });
    }
    expect(await numbersIn(store())).toEqual([1001, 1002, 1003, 1004, 1005]);
  });

  test('20 concurrent writers that look first all win, in the order of their calls', async () => {
    await write(store(), { type: 'put-queue', row: queueRow() });
    const key = streamKey(1);
    const writers = Array.from({ length: 20 }, () =>
      store().transact({ streams: [{ key, since: 0 }] }, ({ streams }) => {
        const from = streams.get(streamKeyText(key))?.accepted ?? 0;
        return { changes: pushChanges(key, from, from + 1), result: from + 1 };
      }),
    );
    expect(await Promise.all(writers)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    expect(await numbersIn(store())).toEqual(Array.from({ length: 20 }, (_, index) => 1001 + index));
  });

  test('a reopened store has all that was acknowledged', async () => {
    const { generation } = store();
    await write(
      store(),
      { type: 'put-queue', row: queueRow() },
      { type: 'put-device', row: deviceRow(1, { waitingMessages: 7 }) },
      { type: 'put-epoch', row: { epoch: epochId(1), subject: 'rep-1', closedAt: NOW } },
      { type: 'refuse', stream: streamKey(1), fate: { number: 4, id: messageId(4), code: 'bad-message' } },
      {
        type: 'put-send',
        queue: 'orders',
        row: { id: messageId(9), contentHash: new Uint8Array([1, 2]), sentAt: NOW },
      },
      ...pushChanges(streamKey(1), 0, 3),
    );
    const [leased] = await receive(store());
    await store().close();

    const reopened = await harness().open();
    try {
      expect(reopened.generation).toBe(generation);
      const snapshot = await reopened.transact(
        {
          device: deviceId(1),
          epochs: [epochId(1)],
          streams: [{ key: streamKey(1), since: 0 }],
          queues: ['orders'],
          sends: [{ queue: 'orders', id: messageId(9) }],
        },
        (loaded) => ({ changes: [], result: loaded }),
      );
      expect(snapshot).toEqual({
        generations: { current: generation, former: new Set(), opening: expect.any(String) as string },
        retired: new Set(),
        device: deviceRow(1, { waitingMessages: 7 }),
        epochs: new Map([[epochId(1), { epoch: epochId(1), subject: 'rep-1', closedAt: NOW }]]),
        streams: new Map([
          [
            streamKeyText(streamKey(1)),
            {
              accepted: 3,
              acceptedId: messageId(1003),
              refusals: [{ number: 4, id: messageId(4), code: 'bad-message' }],
              skips: [],
            },
          ],
        ]),
        queues: new Map([['orders', queueRow()]]),
        usage: new Map(),
        sends: new Map([
          [
            sendKeyText('orders', messageId(9)),
            { id: messageId(9), contentHash: new Uint8Array([1, 2]), sentAt: NOW },
          ],
        ]),
        leases: new Map(),
      });
      const { messages } = await reopened.peek({ queue: 'orders', limit: 10, bodies: true, now: NOW });
      expect(messages.map(({ state, deliveryCount }) => ({ state, deliveryCount }))).toEqual([
        { state: 'leased', deliveryCount: 1 },
        { state: 'ready', deliveryCount: 0 },
        { state: 'ready', deliveryCount: 0 },
      ]);
      expect(messages[1]).toMatchObject({
        origin: { device: deviceId(1), epoch: epochId(1), number: 2 },
        sentAt: NOW - 1000,
      });
      const settled = await reopened.settle({
        queue: 'orders',
        now: NOW,
        settlements: [{ type: 'ack', receipt: leased?.receipt ?? '' }],
      });
      expect(settled).toEqual([{ receipt: leased?.receipt }]);
    } finally {
      await reopened.close();
    }
  });

  test('a second store on the same data is refused and the first goes on, or both see the same', async () => {
    if (harness().isShared) {
      const second = await harness().open();
      expect(second.generation).toBe(store().generation);
      await write(second, { type: 'put-queue', row: queueRow() });
      await second.close();
    } else {
      await expect(harness().open()).rejects.toMatchObject({ name: 'StoreError', code: 'store-locked' });
      await write(store(), { type: 'put-queue', row: queueRow() });
    }
    expect(await store().getQueue('orders', NOW)).toBeDefined();
  });

  test('closing answers the calls that are under way, then refuses all others', async () => {
    await write(store(), { type: 'put-queue', row: queueRow() });
    const underWay = append(store(), newMessages(1, 3));
    const leasing = receive(store());
    await store().close();
    await underWay;
    expect(await leasing).toHaveLength(1);

    const refused = { name: 'StoreError', code: 'shutting-down' };
    await expect(append(store(), [newMessage(4)])).rejects.toMatchObject(refused);
    await expect(receive(store())).rejects.toMatchObject(refused);
    await expect(store().settle({ queue: 'orders', settlements: [], now: NOW })).rejects.toMatchObject(
      refused,
    );
    await expect(numbersIn(store())).rejects.toMatchObject(refused);
    await expect(store().listQueues(NOW)).rejects.toMatchObject(refused);
    await expect(store().getQueue('orders', NOW)).rejects.toMatchObject(refused);
    await expect(store().nextVisibleAt('orders', NOW)).rejects.toMatchObject(refused);
    await expect(store().backup(harness().backupFile())).rejects.toMatchObject(refused);
    await store().close();

    const reopened = await harness().open();
    try {
      expect(await numbersIn(reopened)).toEqual([1, 2, 3]);
    } finally {
      await reopened.close();
    }
  });

  test('a backup made while writing goes on is a whole store with a generation of its own', async () => {
    const { openBackup } = harness();
    if (openBackup === undefined) {
      const refused = store().backup(harness().backupFile());
      return expect(refused).rejects.toMatchObject({ name: 'StoreError', code: 'invalid-request' });
    }
    await write(store(), { type: 'put-queue', row: queueRow() });
    await append(store(), newMessages(1, 1000));
    const file = harness().backupFile();
    const backingUp = store().backup(file);
    for (let number = 1; number <= 50; number++)
      await write(store(), ...pushChanges(streamKey(7), number - 1, number));
    await backingUp;
    await expect(store().backup(file)).rejects.toMatchObject({ name: 'StoreError', code: 'conflict' });

    const copy = await openBackup(file);
    try {
      expect(copy.generation).not.toBe(store().generation);
      const numbers = await numbersIn(copy);
      const pushed = numbers.slice(1000).length;
      expect(numbers.slice(0, 1000)).toEqual(Array.from({ length: 1000 }, (_, index) => index + 1));
      const accepted = await copy.transact({ streams: [{ key: streamKey(7), since: 0 }] }, ({ streams }) => ({
        changes: [],
        result: streams.get(streamKeyText(streamKey(7)))?.accepted ?? 0,
      }));
      expect(accepted).toBe(pushed);
      expect(await copy.getQueue('orders', NOW)).toMatchObject({ ready: 1000 + pushed });
      await write(copy, ...pushChanges(streamKey(7), accepted, accepted + 1));
      expect(await numbersIn(copy)).toHaveLength(1000 + pushed + 1);
    } finally {
      await copy.close();
    }
    expect(await numbersIn(store())).toHaveLength(1050);
  });
}
