import { type SessionNonce, type StreamKey, streamKeyText } from '@fieldpost/protocol';
import { expect, test } from 'vitest';
import { sendKeyText } from '../../core/snapshot-keys.ts';
import type { GatewayStore, Snapshot, StreamRow } from '../../ports/gateway-store.ts';
import {
  deviceId,
  deviceRow,
  epochId,
  messageId,
  newMessage,
  NOW,
  numbersIn,
  pushChanges,
  queueRow,
  streamKey,
  write,
} from './fixtures.ts';

const BIG = Number.MAX_SAFE_INTEGER;

/** Devices, epochs, streams with their refusals and skips, queues' rows and producers' ids. */
export function streamsSuite(store: () => GatewayStore): void {
  const load = (scope: Parameters<GatewayStore['transact']>[0]): Promise<Snapshot> =>
    store().transact(scope, (snapshot) => ({ changes: [], result: snapshot }));
  const streamAt = async (key: StreamKey, since: number): Promise<StreamRow | undefined> =>
    (await load({ streams: [{ key, since }] })).streams.get(streamKeyText(key));

  test('what was never written is absent', async () => {
    const snapshot = await load({
      device: deviceId(1),
      epochs: [epochId(1)],
      streams: [{ key: streamKey(1), since: 0 }],
      queues: ['orders'],
      sends: [{ queue: 'orders', id: messageId(1) }],
    });
    expect(snapshot).toEqual({
      generations: { current: store().generation, former: new Set(), opening: expect.any(String) as string },
      retired: new Set(),
      device: undefined,
      epochs: new Map(),
      streams: new Map(),
      queues: new Map(),
      usage: new Map(),
      sends: new Map(),
      leases: new Map(),
    });
    expect(await store().listQueues(NOW)).toEqual([]);
    expect(await store().getQueue('orders', NOW)).toBeUndefined();
    expect(await store().nextVisibleAt('orders', NOW)).toBeUndefined();
  });

  test('devices, epochs and queues are what was last put', async () => {
    await write(
      store(),
      { type: 'put-device', row: deviceRow(1) },
      { type: 'put-epoch', row: { epoch: epochId(1), subject: 'rep-1', closedAt: NOW } },
    );
    const device = deviceRow(1, {
      session: { number: BIG, nonce: 'ffeeddccbbaa998877665544' as SessionNonce },
      opening: 'another',
      revoked: true,
      client: 'other/2.0',
      lastSeenAt: BIG,
      waitingMessages: BIG,
      parentSession: { number: BIG - 1, nonce: '0011223344556677' as SessionNonce },
      forks: 3,
      forkedAt: NOW,
    });
    await write(
      store(),
      { type: 'put-device', row: device },
      { type: 'put-epoch', row: { epoch: epochId(1), subject: 'rep-2' } },
      { type: 'put-queue', row: queueRow() },
      { type: 'put-queue', row: { ...queueRow(), maxBodyBytes: 17 } },
    );
    const snapshot = await load({
      device: deviceId(1),
      epochs: [epochId(1), epochId(2)],
      queues: ['orders', 'other'],
    });
    expect(snapshot.device).toEqual(device);
    await write(store(), { type: 'put-queue', row: { ...queueRow(), maxBodyBytes: 18 } });
    expect((await load({ queues: ['orders'] })).queues.get('orders')?.maxBodyBytes).toBe(18);
    expect(snapshot.epochs).toEqual(new Map([[epochId(1), { epoch: epochId(1), subject: 'rep-2' }]]));
    expect(snapshot.queues).toEqual(new Map([['orders', { ...queueRow(), maxBodyBytes: 17 }]]));
  });

  test('a mark advances only from where it stands', async () => {
    await write(store(), { type: 'put-queue', row: queueRow() });
    await write(store(), ...pushChanges(streamKey(1), 0, 3));
    await expect(write(store(), ...pushChanges(streamKey(1), 2, 4))).rejects.toMatchObject({
      code: 'conflict',
    });
    await expect(write(store(), ...pushChanges(streamKey(1), 4, 5))).rejects.toMatchObject({
      code: 'conflict',
    });
    await expect(write(store(), ...pushChanges(streamKey(2), 1, 2))).rejects.toMatchObject({
      code: 'conflict',
    });
    await write(store(), ...pushChanges(streamKey(1), 3, 4));
    expect(await streamAt(streamKey(1), 0)).toEqual({
      accepted: 4,
      acceptedId: messageId(1004),
      refusals: [],
      skips: [],
    });
    expect(await streamAt(streamKey(2), 0)).toBeUndefined();
    expect(await numbersIn(store())).toEqual([1001, 1002, 1003, 1004]);
  });

  test('of many refusals and skips, as many as are asked for come, from the lowest on', async () => {
    const stream = streamKey(1);
    const fate = (number: number) => ({ number, id: messageId(number), code: 'cancelled' });
    await write(
      store(),
      { type: 'advance', stream, from: 0, to: 9, id: messageId(9) },
      ...[2, 5, 8].map((number) => ({ type: 'refuse', stream, fate: fate(number) }) as const),
      ...[3, 4].map((number) => ({ type: 'skip', stream, fate: fate(number) }) as const),
    );
    const cut = async (since: number, fatesMax: number): Promise<StreamRow | undefined> =>
      (await load({ streams: [{ key: stream, since }], fatesMax })).streams.get(streamKeyText(stream));
    const mark = { accepted: 9, acceptedId: messageId(9) };
    expect(await cut(0, 3)).toEqual({
      ...mark,
      refusals: [fate(2)],
      skips: [fate(3), fate(4)],
      hasMoreFates: true,
    });
    expect(await cut(3, 2)).toEqual({ ...mark, refusals: [fate(5)], skips: [fate(4)], hasMoreFates: true });
    expect(await cut(3, 3)).toEqual({ ...mark, refusals: [fate(5), fate(8)], skips: [fate(4)] });
    expect(await cut(8, 1)).toEqual({ ...mark, refusals: [], skips: [] });
  });

  test('streams differ by epoch, queue and priority', async () => {
    const keys = [streamKey(1), streamKey(2), streamKey(1, 'visits'), streamKey(1, 'orders', 4)];
    for (const [index, stream] of keys.entries()) {
      await write(store(), { type: 'advance', stream, from: 0, to: index + 1, id: messageId(index) });
    }
    const { streams } = await load({ streams: keys.map((key) => ({ key, since: 0 })) });
    expect(keys.map((key) => streams.get(streamKeyText(key))?.accepted)).toEqual([1, 2, 3, 4]);
  });

  test('numbers up to the largest safe integer are kept exactly', async () => {
    const stream = streamKey(1);
    await write(
      store(),
      { type: 'put-queue', row: queueRow() },
      { type: 'advance', stream, from: 0, to: BIG - 1, id: messageId(1) },
    );
    const origin = { device: deviceId(1), epoch: stream.epoch, number: BIG };
    await write(
      store(),
      { type: 'append', queue: 'orders', messages: [newMessage(1, { origin, sentAt: BIG, arrivedAt: BIG })] },
      { type: 'refuse', stream, fate: { number: BIG, id: messageId(2), code: 'too-large' } },
      { type: 'advance', stream, from: BIG - 1, to: BIG, id: messageId(2) },
    );
    expect(await streamAt(stream, BIG - 1)).toEqual({
      accepted: BIG,
      acceptedId: messageId(2),
      refusals: [{ number: BIG, id: messageId(2), code: 'too-large' }],
      skips: [],
    });
    const { messages } = await store().peek({ queue: 'orders', limit: 1, bodies: true, now: NOW });
    expect(messages[0]).toMatchObject({ origin, sentAt: BIG, arrivedAt: BIG });
  });

  test('refusals and skips come above the number asked for, each in order', async () => {
    const stream = streamKey(1);
    const fate = (number: number, code: string) => ({ number, id: messageId(number), code });
    await write(
      store(),
      { type: 'refuse', stream, fate: fate(9, 'bad-message') },
      { type: 'refuse', stream, fate: fate(2, 'too-large') },
      { type: 'skip', stream, fate: fate(5, 'cancelled') },
      { type: 'refuse', stream, fate: fate(10, 'access-denied') },
      { type: 'skip', stream: streamKey(2), fate: fate(7, 'cancelled') },
      { type: 'advance', stream, from: 0, to: 12, id: messageId(12) },
    );
    expect(await streamAt(stream, 0)).toMatchObject({
      refusals: [fate(2, 'too-large'), fate(9, 'bad-message'), fate(10, 'access-denied')],
      skips: [fate(5, 'cancelled')],
    });
    expect(await streamAt(stream, 5)).toMatchObject({
      refusals: [fate(9, 'bad-message'), fate(10, 'access-denied')],
      skips: [],
    });
    expect(await streamAt(stream, 10)).toMatchObject({ refusals: [], skips: [] });
    await expect(
      write(store(), { type: 'refuse', stream, fate: fate(9, 'unreadable') }),
    ).rejects.toMatchObject({ code: 'conflict' });
  });

  test("a producer's id stands for one content in one queue", async () => {
    const row = { id: messageId(1), contentHash: new Uint8Array([1, 2, 3]), sentAt: NOW };
    await write(
      store(),
      { type: 'put-queue', row: queueRow() },
      { type: 'put-queue', row: queueRow('visits') },
    );
    await write(store(), { type: 'put-send', queue: 'orders', row });
    const ask = (queue: string) =>
      load({
        sends: [
          { queue, id: messageId(1) },
          { queue, id: messageId(2) },
        ],
      });
    expect((await ask('orders')).sends).toEqual(new Map([[sendKeyText('orders', messageId(1)), row]]));
    expect((await ask('visits')).sends).toEqual(new Map());
    await expect(write(store(), { type: 'put-send', queue: 'no-such-queue', row })).rejects.toMatchObject({
      code: 'queue-not-found',
    });
  });

  test('deleting a queue takes its messages, leases and producers’ ids, and leaves the streams their marks', async () => {
    const row = { id: messageId(1), contentHash: new Uint8Array(32), sentAt: NOW };
    await write(
      store(),
      { type: 'put-queue', row: queueRow() },
      { type: 'put-queue', row: queueRow('visits') },
    );
    await write(store(), ...pushChanges(streamKey(1), 0, 3), { type: 'put-send', queue: 'orders', row });
    await write(store(), ...pushChanges(streamKey(1, 'visits'), 0, 2));
    const [leased] = await store().receive({
      queue: 'orders',
      max: 1,
      leaseMs: 1000,
      now: NOW,
      leaseTokens: ['token'],
    });
    await write(store(), { type: 'delete-queue', name: 'orders', at: NOW });

    expect(await store().getQueue('orders', NOW)).toBeUndefined();
    await expect(
      store().receive({ queue: 'orders', max: 1, leaseMs: 1, now: NOW, leaseTokens: ['x'] }),
    ).rejects.toMatchObject({ code: 'queue-not-found' });
    await expect(numbersIn(store())).rejects.toMatchObject({ code: 'queue-not-found' });
    await expect(write(store(), ...pushChanges(streamKey(1), 3, 4))).rejects.toMatchObject({
      code: 'queue-not-found',
    });
    await expect(write(store(), { type: 'delete-queue', name: 'orders', at: NOW })).rejects.toMatchObject({
      code: 'queue-not-found',
    });
    const settlements = [{ type: 'ack', receipt: leased?.receipt ?? '' }] as const;
    expect(await store().settle({ queue: 'orders', settlements, now: NOW })).toMatchObject([
      { code: 'lease-lost' },
    ]);

    await write(store(), { type: 'put-queue', row: queueRow() });
    expect(await numbersIn(store())).toEqual([]);
    expect(await store().getQueue('orders', NOW)).toMatchObject({
      ready: 0,
      leased: 0,
      delayed: 0,
      bytes: 0,
    });
    expect((await load({ sends: [{ queue: 'orders', id: messageId(1) }] })).sends).toEqual(new Map());
    expect(await streamAt(streamKey(1), 0)).toMatchObject({ accepted: 3 });
    await write(store(), ...pushChanges(streamKey(1), 3, 4));
    expect(await store().settle({ queue: 'orders', settlements, now: NOW })).toMatchObject([
      { code: 'lease-lost' },
    ]);
    expect(await numbersIn(store())).toEqual([1004]);
    expect(await numbersIn(store(), 'visits')).toEqual([1001, 1002]);
  });

  test('old ids of producers are forgotten, the oldest first, and no more than asked', async () => {
    await write(
      store(),
      { type: 'put-queue', row: queueRow() },
      { type: 'put-queue', row: { ...queueRow(), name: 'visits' } },
      ...[1, 2, 3, 4, 5].map(
        (number) =>
          ({
            type: 'put-send',
            queue: number % 2 === 0 ? 'visits' : 'orders',
            row: { id: messageId(number), contentHash: new Uint8Array(32), sentAt: NOW + number },
          }) as const,
      ),
    );
    const known = async (): Promise<string[]> => {
      const sends = [1, 2, 3, 4, 5].map((number) => ({
        queue: number % 2 === 0 ? 'visits' : 'orders',
        id: messageId(number),
      }));
      return [...(await load({ sends })).sends.values()].map(({ id }) => id);
    };
    expect(await store().pruneSends(NOW + 1, 10)).toBe(0);
    expect(await known()).toHaveLength(5);
    expect(await store().pruneSends(NOW + 5, 3)).toBe(3);
    expect(await known()).toEqual([4, 5].map(messageId));
    expect(await store().pruneSends(NOW + 5, 3)).toBe(1);
    expect(await store().pruneSends(NOW + 5, 3)).toBe(0);
    expect(await known()).toEqual([messageId(5)]);
  });

  test('a queue that was deleted and made again in one transaction is empty', async () => {
    await write(store(), { type: 'put-queue', row: queueRow() }, ...pushChanges(streamKey(1), 0, 3));
    await write(
      store(),
      { type: 'delete-queue', name: 'orders', at: NOW },
      { type: 'put-queue', row: queueRow() },
      ...pushChanges(streamKey(1), 3, 4),
    );
    expect(await numbersIn(store())).toEqual([1004]);
  });

  test('a queue that was to be deleted only if empty stays while it holds a message, in whatever state', async () => {
    await write(store(), { type: 'put-queue', row: queueRow() }, ...pushChanges(streamKey(1), 0, 1));
    const [leased] = await store().receive({
      queue: 'orders',
      max: 1,
      leaseMs: 1000,
      now: NOW,
      leaseTokens: ['token'],
    });
    const deletion = { type: 'delete-queue', name: 'orders', ifEmpty: true, at: NOW } as const;
    await expect(write(store(), deletion)).rejects.toMatchObject({
      name: 'StoreError',
      code: 'queue-not-empty',
    });
    expect(await numbersIn(store())).toEqual([1001]);
    const settlements = [{ type: 'ack', receipt: leased?.receipt ?? '' }] as const;
    await store().settle({ queue: 'orders', settlements, now: NOW });
    await write(store(), deletion);
    expect(await store().getQueue('orders', NOW)).toBeUndefined();
  });
}
