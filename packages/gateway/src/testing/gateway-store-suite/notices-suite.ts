import { encodeProperties } from '@fieldpost/protocol';
import { expect, test } from 'vitest';
import type {
  DeviceNotices,
  GatewayStore,
  NewMessage,
  NoticeCursor,
  QueueSettings,
  Settlement,
} from '../../ports/gateway-store.ts';
import {
  append,
  deviceId,
  epochId,
  LEASE_MS,
  messageId,
  newMessage,
  NOW,
  numbersIn,
  queueRow,
  receive,
  write,
} from './fixtures.ts';

/** What a device that asked is told of the fates of its messages: written with the end of each, kept until confirmed. */
export function noticesSuite(reopen: () => Promise<GatewayStore>, current: () => GatewayStore): void {
  const make = (settings: Partial<QueueSettings> = {}): Promise<void> =>
    write(current(), { type: 'put-queue', row: queueRow('orders', settings) });

  test('an acknowledged message that asked leaves a notice; one that did not ask leaves none', async () => {
    await make();
    await append(current(), [asking(1), quiet(2), asking(3), fromServer(4)]);
    await settleAll(current(), 'ack');
    const { rows, hasMore } = await noticesOf(1);
    expect(rows).toEqual([
      { number: 1, id: messageId(1), code: 'received', endedAt: NOW },
      { number: 2, id: messageId(3), code: 'received', endedAt: NOW },
    ]);
    expect(hasMore).toBe(false);
  });

  test('each device has numbers of its own, and sees its own notices only', async () => {
    await make();
    await append(current(), [asking(1), asking(2, 2), asking(3)]);
    await settleAll(current(), 'ack');
    expect(numbered(await noticesOf(1))).toEqual([
      [1, messageId(1)],
      [2, messageId(3)],
    ]);
    expect(numbered(await noticesOf(2))).toEqual([[1, messageId(2)]]);
    expect((await noticesOf(3)).rows).toEqual([]);
  });

  test.each([
    ['dead letters are kept', true],
    ['none are kept', false],
  ])(
    'refused by its consumer, and handed out too often: told with code and reason where %s',
    async (_, deadLetter) => {
      await make({ deadLetter, maxDeliveries: 1 });
      await append(current(), [asking(1), asking(2)]);
      const [first, second] = await receive(current(), { max: 2 });
      await settle(current(), { type: 'reject', receipt: first?.receipt ?? '', reason: 'no such customer' });
      await settle(current(), { type: 'nack', receipt: second?.receipt ?? '' });
      expect((await noticesOf(1)).rows).toEqual([
        {
          number: 1,
          id: messageId(1),
          code: 'rejected-by-receiver',
          reason: 'no such customer',
          endedAt: NOW,
        },
        { number: 2, id: messageId(2), code: 'max-deliveries', endedAt: NOW },
      ]);
    },
  );

  test('a failed delivery that is not the last one tells nothing', async () => {
    await make({ maxDeliveries: 3 });
    await append(current(), [asking(1)]);
    const [leased] = await receive(current());
    await settle(current(), { type: 'nack', receipt: leased?.receipt ?? '' });
    const [again] = await receive(current());
    await settle(current(), { type: 'release', receipt: again?.receipt ?? '' });
    expect((await noticesOf(1)).rows).toEqual([]);
  });

  test('what runs out is told when it is swept: the time to live, and the last lease', async () => {
    await make({ maxDeliveries: 1 });
    await append(current(), [asking(1, 1, { expiresAt: NOW + 10 }), asking(2)]);
    await receive(current(), { max: 2, leaseMs: 5 });
    await current().sweep(NOW + LEASE_MS);
    const { rows } = await noticesOf(1);
    expect(new Map(rows.map(({ id, code }) => [id, code]))).toEqual(
      new Map([
        [messageId(1), 'max-deliveries'],
        [messageId(2), 'max-deliveries'],
      ]),
    );
    await append(current(), [asking(3, 1, { expiresAt: NOW + LEASE_MS + 1 })]);
    await current().sweep(NOW + LEASE_MS + 1);
    expect((await noticesOf(1)).rows.at(-1)).toMatchObject({
      number: 3,
      id: messageId(3),
      code: 'receive-timeout',
    });
  });

  test('a purge tells each sender', async () => {
    await make();
    await append(current(), [asking(1), quiet(2), asking(3, 2)]);
    await job(current(), 'purge', 'orders');
    expect(coded(await noticesOf(1))).toEqual([[messageId(1), 'purged']]);
    expect(coded(await noticesOf(2))).toEqual([[messageId(3), 'purged']]);
  });

  test('deleting a queue tells the senders of what it held, with the time of the deletion', async () => {
    await make();
    await append(current(), [asking(1), quiet(2), asking(3)]);
    await receive(current());
    await write(current(), { type: 'delete-queue', name: 'orders', at: NOW + 7 });
    await eventually(async () => (await noticesOf(1)).rows.length === 2);
    expect((await noticesOf(1)).rows).toEqual([
      { number: 1, id: messageId(1), code: 'queue-deleted', endedAt: NOW + 7 },
      { number: 2, id: messageId(3), code: 'queue-deleted', endedAt: NOW + 7 },
    ]);
    // Another queue of the name has nothing to do with it, even where its rows stand in the same place.
    await make();
    await append(current(), [asking(11), asking(12)]);
    await settleAll(current(), 'ack');
    expect(coded(await noticesOf(1)).slice(2)).toEqual([
      [messageId(11), 'received'],
      [messageId(12), 'received'],
    ]);
  });

  test('a dead letter has had its fate: its end tells nothing, a redrive opens it again', async () => {
    await make();
    await append(current(), [asking(1), asking(2)]);
    await settleAll(current(), 'reject');
    await job(current(), 'redrive', 'orders;dead-letter', 1);
    await settleAll(current(), 'ack');
    await job(current(), 'purge', 'orders;dead-letter');
    expect(coded(await noticesOf(1))).toEqual([
      [messageId(1), 'rejected-by-receiver'],
      [messageId(2), 'rejected-by-receiver'],
      [messageId(1), 'received'],
    ]);
  });

  test('dead letters of a deleted queue have had their fate', async () => {
    await make();
    await append(current(), [asking(1)]);
    await settleAll(current(), 'reject');
    await append(current(), [asking(2)]);
    await write(current(), { type: 'delete-queue', name: 'orders', at: NOW });
    await eventually(async () => (await noticesOf(1)).rows.length > 1);
    expect(coded(await noticesOf(1))).toEqual([
      [messageId(1), 'rejected-by-receiver'],
      [messageId(2), 'queue-deleted'],
    ]);
  });

  test('a moved message is told of where it ends, and not before', async () => {
    await make();
    await write(current(), { type: 'put-queue', row: queueRow('other') });
    await append(current(), [asking(1)]);
    await job(current(), 'move', 'orders', undefined, 'other');
    expect((await noticesOf(1)).rows).toEqual([]);
    await settleAll(current(), 'ack', 'other');
    expect(coded(await noticesOf(1))).toEqual([[messageId(1), 'received']]);
  });

  test("a journal's copy tells nothing: not when it ends, and not when it is sent again", async () => {
    await make({ journal: true, journalRetentionMs: 10 });
    await append(current(), [asking(1), asking(2)]);
    await settleAll(current(), 'ack');
    await job(current(), 'redrive', 'orders;journal', 1);
    await write(current(), { type: 'put-queue', row: queueRow('orders') });
    await settleAll(current(), 'ack');
    await current().sweep(NOW + 10);
    expect(coded(await noticesOf(1))).toEqual([
      [messageId(1), 'received'],
      [messageId(2), 'received'],
    ]);
  });

  test('behind a cursor come the notices that follow it; one whose notice is not kept gets all of them', async () => {
    await make();
    await append(
      current(),
      [1, 2, 3].map((number) => asking(number)),
    );
    await settleAll(current(), 'ack');
    const all = [1, 2, 3].map((number) => [number, messageId(number)]);
    const behind = await noticesOf(1, { number: 1, id: messageId(1) }, 1);
    expect({ ...behind, rows: numbered(behind) }).toEqual({
      isKnown: true,
      rows: all.slice(1, 2),
      hasMore: true,
    });
    // A store that went back in time numbered another message so; a device that went back is behind what is kept.
    const other = await noticesOf(1, { number: 1, id: messageId(9) });
    expect({ ...other, rows: numbered(other) }).toEqual({ isKnown: false, rows: all, hasMore: false });
    const beyond = await noticesOf(1, { number: 50, id: messageId(9) });
    expect({ ...beyond, rows: numbered(beyond) }).toEqual({ isKnown: false, rows: all, hasMore: false });
  });

  test('what is confirmed is forgotten, its numbers are not given again, also in a store opened anew', async () => {
    await make();
    await append(
      current(),
      [1, 2, 3].map((number) => asking(number)),
    );
    await settleAll(current(), 'ack');
    await write(current(), { type: 'confirm-notices', device: deviceId(1), upTo: 2 });
    expect(numbered(await noticesOf(1))).toEqual([[3, messageId(3)]]);
    await write(current(), { type: 'confirm-notices', device: deviceId(1), upTo: 3 });
    await reopen();
    await append(current(), [asking(4)]);
    await settleAll(current(), 'ack');
    expect(numbered(await noticesOf(1))).toEqual([[4, messageId(4)]]);
  });

  test('who asked is known in a store opened anew', async () => {
    await make();
    await append(current(), [asking(1)]);
    await reopen();
    await settleAll(current(), 'ack');
    await reopen();
    expect(coded(await noticesOf(1))).toEqual([[messageId(1), 'received']]);
  });

  test('a transaction that fails takes its notices and their numbers back', async () => {
    await make();
    await write(current(), { type: 'put-queue', row: queueRow('other') });
    await append(current(), [asking(1)]);
    await append(current(), [asking(2)], 'other');
    const failing = write(
      current(),
      { type: 'delete-queue', name: 'orders', at: NOW },
      { type: 'delete-queue', name: 'no-such-queue', at: NOW },
    );
    await expect(failing).rejects.toMatchObject({ code: 'queue-not-found' });
    await settleAll(current(), 'ack', 'other');
    expect(numbered(await noticesOf(1))).toEqual([[1, messageId(2)]]);
    await settleAll(current(), 'ack');
    expect(numbered(await noticesOf(1)).at(-1)).toEqual([2, messageId(1)]);
  });

  test('notices that nobody came for are forgotten after their time, the oldest first', async () => {
    await make();
    await append(current(), [asking(1), asking(2, 2), asking(3)]);
    for (const now of [NOW, NOW + 1, NOW + 2]) {
      const [leased] = await receive(current(), { now });
      await settle(current(), { type: 'ack', receipt: leased?.receipt ?? '' }, 'orders', now);
    }
    expect(await current().pruneNotices(NOW, 10)).toBe(0);
    expect(await current().pruneNotices(NOW + 2, 1)).toBe(1);
    expect((await noticesOf(1)).rows.map(({ number }) => number)).toEqual([2]);
    expect(await current().pruneNotices(NOW + 2, 10)).toBe(1);
    expect((await noticesOf(2)).rows).toEqual([]);
    expect((await noticesOf(1)).rows.map(({ number }) => number)).toEqual([2]);
  });

  test('a watcher hears which devices have notices, once these are there, and no more after it stopped', async () => {
    await make();
    await append(current(), [asking(1), asking(2, 2), quiet(3), asking(4)]);
    const seen: Promise<number>[] = [];
    const heard = new Set<string>();
    const stop = current().watchNotices((devices) => {
      for (const device of devices) {
        heard.add(device);
        seen.push(noticesOf(device === deviceId(1) ? 1 : 2).then(({ rows }) => rows.length));
      }
    });
    const [one, two, three, four] = await receive(current(), { max: 4 });
    await settle(current(), { type: 'ack', receipt: three?.receipt ?? '' });
    expect(heard.size).toBe(0);
    await settle(current(), { type: 'ack', receipt: one?.receipt ?? '' });
    await settle(current(), { type: 'ack', receipt: two?.receipt ?? '' });
    expect([...heard]).toEqual([deviceId(1), deviceId(2)]);
    expect(await Promise.all(seen)).toEqual([1, 1]);
    stop();
    await settle(current(), { type: 'ack', receipt: four?.receipt ?? '' });
    expect(seen).toHaveLength(2);
    expect(await numbersIn(current())).toEqual([]);
  });

  function noticesOf(device: number, after?: NoticeCursor, max = 100): Promise<DeviceNotices> {
    const notices = after === undefined ? { max } : { after, max };
    return current().transact({ device: deviceId(device), notices }, (snapshot) => {
      if (snapshot.notices === undefined) throw new Error('the scope asked for notices, and there are none');
      return { changes: [], result: snapshot.notices };
    });
  }
}

function asking(number: number, device = 1, terms: NewMessage['terms'] = {}): NewMessage {
  return {
    ...quiet(number, device),
    properties: encodeProperties({ ack: 'full' }),
    terms: { ...terms, tellsFate: true },
  };
}

function quiet(number: number, device = 1): NewMessage {
  return newMessage(number, { origin: { device: deviceId(device), epoch: epochId(device), number } });
}

function fromServer(number: number): NewMessage {
  return newMessage(number, { terms: { tellsFate: true } });
}

function numbered({ rows }: DeviceNotices): (readonly [number, string])[] {
  return rows.map(({ number, id }) => [number, id]);
}

function coded({ rows }: DeviceNotices): (readonly [string, string])[] {
  return rows.map(({ id, code }) => [id, code]);
}

async function settle(
  store: GatewayStore,
  settlement: Settlement,
  queue = 'orders',
  now = NOW,
): Promise<void> {
  const [result] = await store.settle({ queue, settlements: [settlement], now });
  expect(result?.code).toBeUndefined();
}

async function settleAll(store: GatewayStore, type: 'ack' | 'reject', queue = 'orders'): Promise<void> {
  const leased = await receive(store, { queue, max: 100 });
  expect(leased.length).toBeGreaterThan(0);
  const settlements = leased.map(({ receipt }) => ({ type, receipt }));
  const results = await store.settle({ queue, settlements, now: NOW });
  expect(results.every(({ code }) => code === undefined)).toBe(true);
}

let jobs = 0;

/** Runs a job to its end. */
async function job(
  store: GatewayStore,
  kind: 'purge' | 'move' | 'redrive',
  queue: string,
  max?: number,
  target?: string,
): Promise<void> {
  const id = `notices-${++jobs}`;
  const filter = max === undefined ? {} : { max };
  await store.startJob({ id, kind, queue, filter, now: NOW, ...(target === undefined ? {} : { target }) });
  let step = await store.stepJob({ id, max: 100, now: NOW });
  while (step?.job.state === 'running') step = await store.stepJob({ id, max: 100, now: NOW });
  expect(step?.done).toBeGreaterThan(0);
}

/** The removal of a deleted queue's messages may take further calls of the store: each look is one. */
async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  for (let look = 0; look < 1000; look++) if (await isSo()) return;
  throw new Error('it did not come to be within 1000 calls');
}
