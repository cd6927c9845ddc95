import { describe, expect, test } from 'vitest';
import type {
  GatewayStore,
  LeasedMessage,
  PeekPage,
  QueueSettings,
  Settlement,
  SettleResult,
} from '../../ports/gateway-store.ts';
import {
  append,
  LEASE_MS,
  newMessage,
  newMessages,
  NOW,
  numbersIn,
  numbersOf,
  queueRow,
  receive,
  write,
} from './fixtures.ts';

const DEAD = 'orders;dead-letter';

/** Failed deliveries, dead letters, times to live, journals: how messages end that nobody acknowledged. */
export function endingsSuite(reopen: () => Promise<GatewayStore>, store: () => GatewayStore): void {
  const settle = (now: number, ...settlements: Settlement[]): Promise<readonly SettleResult[]> =>
    store().settle({ queue: 'orders', settlements, now });
  const makeQueue = async (settings: Partial<QueueSettings>, count = 0): Promise<void> => {
    await write(store(), { type: 'put-queue', row: queueRow('orders', settings) });
    if (count > 0) await append(store(), newMessages(1, count));
  };
  const receiveOne = async (now = NOW, queue = 'orders'): Promise<LeasedMessage> => {
    const [message] = await receive(store(), { now, queue });
    if (message === undefined) throw new Error(`no message is visible at ${now}`);
    return message;
  };
  const isNothingVisible = async (now: number): Promise<boolean> =>
    (await receive(store(), { now })).length === 0;
  const deadLetters = async (now: number, bodies = false): Promise<PeekPage['messages']> => {
    const page = await store().peek({ queue: DEAD, limit: 1000, bodies, now });
    return page.messages;
  };

  test('the n-th failed delivery waits the n-th delay, the last delay again and again', async () => {
    await makeQueue({ retryDelaysMs: [100, 2000], maxDeliveries: 10 }, 1);
    let now = NOW;
    for (const delayMs of [100, 2000, 2000]) {
      const { receipt } = await receiveOne(now);
      expect(await settle(now, { type: 'nack', receipt })).toEqual([{ receipt }]);
      expect(await store().nextVisibleAt('orders', now)).toBe(now + delayMs);
      expect(await isNothingVisible(now + delayMs - 1)).toBe(true);
      now += delayMs;
    }
    const { receipt } = await receiveOne(now);
    await settle(now, { type: 'nack', receipt, delayMs: 7 });
    expect(await store().nextVisibleAt('orders', now)).toBe(now + 7);
  });

  test('a lease that runs out waits its delay as well: leased, then delayed, then ready', async () => {
    await makeQueue({ retryDelaysMs: [100], maxDeliveries: 10 }, 1);
    await receiveOne();
    const until = NOW + LEASE_MS;
    expect(await store().nextVisibleAt('orders', NOW)).toBe(until + 100);
    expect(await store().getQueue('orders', until - 1)).toMatchObject({ leased: 1, delayed: 0 });
    expect(await store().getQueue('orders', until)).toMatchObject({ leased: 0, delayed: 1, ready: 0 });
    expect(await isNothingVisible(until + 99)).toBe(true);
    expect(await store().getQueue('orders', until + 100)).toMatchObject({ delayed: 0, ready: 1 });
    expect(await receiveOne(until + 100)).toMatchObject({ deliveryCount: 2 });
  });

  test('a look at a message tells who has it, or had it last when the lease ran out', async () => {
    await makeQueue({ retryDelaysMs: [] }, 2);
    const [first] = await receive(store(), { consumer: 'anna' });
    await receive(store());
    const look = async (now: number) =>
      (await store().peek({ queue: 'orders', limit: 9, bodies: false, now })).messages.map(
        ({ lastLease }) => lastLease,
      );
    const lease = { consumer: 'anna', until: NOW + LEASE_MS };
    expect(await look(NOW)).toEqual([lease, undefined]);
    await settle(NOW, { type: 'extend', receipt: first?.receipt ?? '', leaseMs: 2 * LEASE_MS });
    expect(await look(NOW + 2 * LEASE_MS)).toEqual([{ ...lease, until: NOW + 2 * LEASE_MS }, undefined]);
    const again = await receiveOne(NOW + 2 * LEASE_MS);
    await settle(NOW + 2 * LEASE_MS, { type: 'release', receipt: again.receipt });
    expect(await look(NOW + 2 * LEASE_MS)).toEqual([undefined, undefined]);
  });

  test('behind the last delivery comes none: nack makes it a dead letter with its code and story', async () => {
    await makeQueue({ retryDelaysMs: [], maxDeliveries: 2 }, 2);
    await settle(NOW, { type: 'nack', receipt: (await receiveOne()).receipt });
    const last = await receiveOne(NOW + 1);
    expect(await settle(NOW + 1, { type: 'nack', receipt: last.receipt, delayMs: 5 })).toEqual([
      { receipt: last.receipt, ended: 'max-deliveries' },
    ]);
    expect(await numbersIn(store())).toEqual([2]);
    const [letter, ...others] = await deadLetters(NOW + 1, true);
    expect(others).toEqual([]);
    expect(letter).toMatchObject({
      id: last.id,
      properties: last.properties,
      body: last.body,
      priority: last.priority,
      sentAt: last.sentAt,
      arrivedAt: last.arrivedAt,
      deliveryCount: 0,
      state: 'ready',
      story: {
        deliveries: 2,
        entries: [{ queue: 'orders', code: 'max-deliveries', at: NOW + 1, deliveries: 2 }],
      },
    });
    expect(await settle(NOW + 1, { type: 'ack', receipt: last.receipt })).toMatchObject([
      { code: 'lease-lost' },
    ]);
  });

  test('a last lease that runs out ends the message too, and no call sees it after that', async () => {
    await makeQueue({ retryDelaysMs: [50], maxDeliveries: 1 }, 3);
    const leased = await receive(store(), { max: 2 });
    const end = NOW + LEASE_MS;
    expect(await deadLetters(end - 1)).toEqual([]);
    expect(await store().nextVisibleAt('orders', NOW)).toBeUndefined();
    expect(await settle(end, { type: 'ack', receipt: leased[0]?.receipt ?? '' })).toMatchObject([
      { code: 'lease-lost' },
    ]);
    expect(numbersOf(await deadLetters(end))).toEqual([1, 2]);
    expect(await store().getQueue('orders', end)).toMatchObject({ ready: 1, leased: 0, delayed: 0 });
    const swept = await store().sweep(end);
    expect([...swept.ended]).toEqual([['orders', 2]]);
    expect(swept.isMore).toBe(false);
    expect((await store().sweep(end)).ended.size).toBe(0);
  });

  describe('what was handed out under a clock that was years ahead', () => {
    const AHEAD = NOW + 10 * 365 * 24 * 3_600_000;
    const HOUR_MS = 3_600_000;

    test('is handed out again once the clock is right, after a start and while it runs', async () => {
      await makeQueue({ retryDelaysMs: [50], maxDeliveries: 10 }, 3);
      const [, , third] = await receive(store(), { max: 3, now: AHEAD });
      await settle(AHEAD, { type: 'nack', receipt: third?.receipt ?? '', delayMs: HOUR_MS });
      await reopen();
      expect(numbersOf(await receive(store(), { max: 3 }))).toEqual([]);
      await store().sweep(NOW);
      expect(await store().nextVisibleAt('orders', NOW)).toBe(NOW + 50);
      expect(numbersOf(await receive(store(), { max: 3, now: NOW + 50 }))).toEqual([1, 2, 3]);
      // Ahead again, and right again before the next turn of the sweep.
      expect(numbersOf(await receive(store(), { max: 3, now: AHEAD + HOUR_MS }))).toEqual([1, 2, 3]);
      await store().sweep(NOW + HOUR_MS);
      expect(await store().getQueue('orders', NOW + HOUR_MS + 50)).toMatchObject({ ready: 3, leased: 0 });
    });

    test('and for the last time, is a dead letter then; its old receipt settles nothing', async () => {
      await makeQueue({ retryDelaysMs: [], maxDeliveries: 1 }, 2);
      const [one] = await receive(store(), { max: 1, now: AHEAD });
      await reopen();
      await store().sweep(NOW);
      expect(await settle(NOW, { type: 'ack', receipt: one?.receipt ?? '' })).toMatchObject([
        { code: 'lease-lost' },
      ]);
      expect(numbersOf(await deadLetters(NOW))).toEqual([1]);
    });

    test('a lease of twelve hours, a pause of a week and a delivery put off stay as they are', async () => {
      const HALF_DAY_MS = 12 * HOUR_MS;
      await makeQueue({ retryDelaysMs: [], maxDeliveries: 10 }, 2);
      const later = { ...newMessage(3), terms: { visibleAt: AHEAD } };
      await append(store(), [later]);
      const [one, two] = await receive(store(), { max: 2 });
      await settle(
        NOW,
        { type: 'extend', receipt: one?.receipt ?? '', leaseMs: HALF_DAY_MS },
        { type: 'nack', receipt: two?.receipt ?? '', delayMs: 7 * 24 * HOUR_MS },
      );
      await reopen();
      await store().sweep(NOW);
      expect(await store().getQueue('orders', NOW + HALF_DAY_MS - 1)).toMatchObject({
        leased: 1,
        delayed: 2,
      });
      expect(await store().getQueue('orders', NOW + HALF_DAY_MS)).toMatchObject({ ready: 1, delayed: 2 });
    });
  });

  test('a last lease that is extended or given back in time ends nothing', async () => {
    await makeQueue({ retryDelaysMs: [], maxDeliveries: 1 }, 2);
    const [one, two] = await receive(store(), { max: 2 });
    await settle(
      NOW,
      { type: 'extend', receipt: one?.receipt ?? '', leaseMs: 3 * LEASE_MS },
      { type: 'release', receipt: two?.receipt ?? '' },
    );
    await store().sweep(NOW + LEASE_MS);
    expect(await deadLetters(NOW + LEASE_MS)).toEqual([]);
    expect(await numbersIn(store(), 'orders', NOW + LEASE_MS)).toEqual([1, 2]);
    expect(numbersOf(await receive(store(), { max: 2, now: NOW + LEASE_MS }))).toEqual([2]);
    await store().sweep(NOW + 3 * LEASE_MS);
    expect(numbersOf(await deadLetters(NOW + 3 * LEASE_MS))).toEqual([1, 2]);
  });

  test('reject ends a message at once, with the reason of who refused it', async () => {
    await makeQueue({}, 2);
    const { receipt, id } = await receiveOne();
    expect(await settle(NOW, { type: 'reject', receipt, reason: 'no such customer' })).toEqual([
      { receipt, ended: 'rejected-by-receiver' },
    ]);
    expect(await deadLetters(NOW)).toMatchObject([
      {
        id,
        story: { entries: [{ code: 'rejected-by-receiver', reason: 'no such customer', deliveries: 1 }] },
      },
    ]);
    expect(await settle(NOW, { type: 'reject', receipt })).toEqual([{ receipt, code: 'lease-lost' }]);
  });

  test('without dead letters what ends is gone', async () => {
    await makeQueue({ deadLetter: false, maxDeliveries: 1 }, 2);
    const [one, two] = await receive(store(), { max: 2 });
    const results = await settle(
      NOW,
      { type: 'reject', receipt: one?.receipt ?? '' },
      { type: 'nack', receipt: two?.receipt ?? '' },
    );
    expect(results.map(({ ended }) => ended)).toEqual(['rejected-by-receiver', 'max-deliveries']);
    expect(await deadLetters(NOW)).toEqual([]);
    expect(await store().getQueue('orders', NOW)).toMatchObject({ ready: 0, leased: 0, bytes: 0 });
    expect(await store().listQueues(NOW)).toHaveLength(1);
  });

  test('dead letters are received like other messages, never end by themselves, and their queue is gone when empty', async () => {
    await makeQueue({ maxDeliveries: 1 }, 1);
    await settle(NOW, { type: 'reject', receipt: (await receiveOne()).receipt });
    for (let delivery = 1; delivery <= 7; delivery++) {
      const { receipt, deliveryCount } = await receiveOne(NOW, DEAD);
      expect(deliveryCount).toBe(delivery);
      const type = delivery % 2 === 0 ? 'nack' : 'reject';
      expect(await store().settle({ queue: DEAD, settlements: [{ type, receipt }], now: NOW })).toEqual([
        { receipt },
      ]);
    }
    const { receipt } = await receiveOne(NOW, DEAD);
    await store().settle({ queue: DEAD, settlements: [{ type: 'ack', receipt }], now: NOW });
    expect((await store().listQueues(NOW)).map(({ name }) => name)).toEqual(['orders']);
    expect(await receive(store(), { queue: DEAD })).toEqual([]);
    expect(await deadLetters(NOW)).toEqual([]);
    await expect(receive(store(), { queue: 'other;dead-letter' })).rejects.toMatchObject({
      code: 'queue-not-found',
    });
  });

  test('a queue is deleted with its subqueues, and is not empty while one holds a message', async () => {
    await makeQueue({}, 1);
    await settle(NOW, { type: 'reject', receipt: (await receiveOne()).receipt });
    const deleting = write(store(), { type: 'delete-queue', name: 'orders', ifEmpty: true, at: NOW });
    await expect(deleting).rejects.toMatchObject({ code: 'queue-not-empty' });
    await write(store(), { type: 'delete-queue', name: 'orders', at: NOW });
    expect(await store().listQueues(NOW)).toEqual([]);
    await makeQueue({});
    expect(await deadLetters(NOW)).toEqual([]);
  });

  test('a message whose time to live runs out is a dead letter, and its space is free', async () => {
    await makeQueue({});
    await append(store(), [
      newMessage(1, { terms: { expiresAt: NOW + 10 } }),
      newMessage(2),
      newMessage(3, { terms: { expiresAt: NOW + 20 } }),
    ]);
    expect(await numbersIn(store(), 'orders', NOW + 9)).toEqual([1, 2, 3]);
    expect(await numbersIn(store(), 'orders', NOW + 10)).toEqual([2, 3]);
    expect(numbersOf(await receive(store(), { max: 3, now: NOW + 20 }))).toEqual([2]);
    expect(await store().getQueue('orders', NOW + 20)).toMatchObject({ leased: 1, ready: 0, bytes: 12 });
    expect((await deadLetters(NOW + 20)).map(({ story }) => story?.entries)).toMatchObject([
      [{ code: 'receive-timeout', deliveries: 0 }],
      [{ code: 'receive-timeout' }],
    ]);
    // A dead letter has ended; it does not expire again.
    expect(numbersOf(await deadLetters(NOW + 1_000_000))).toEqual([1, 3]);
  });

  test('whoever has a message when its time runs out may finish; given back, it is gone', async () => {
    await makeQueue({ deadLetter: false });
    await append(store(), newMessages(1, 2, { terms: { expiresAt: NOW + 10 } }));
    const [one, two] = await receive(store(), { max: 2 });
    await store().sweep(NOW + 10);
    expect(await settle(NOW + 11, { type: 'ack', receipt: one?.receipt ?? '' })).toMatchObject([
      { receipt: one?.receipt },
    ]);
    await settle(NOW + 11, { type: 'release', receipt: two?.receipt ?? '' });
    expect(await isNothingVisible(NOW + LEASE_MS)).toBe(true);
    expect(await numbersIn(store(), 'orders', NOW + LEASE_MS)).toEqual([]);
  });

  test('more than one sweep ends at once is not seen either', { timeout: 60_000 }, async () => {
    await makeQueue({ deadLetter: false });
    await append(store(), newMessages(1, 2500, { terms: { expiresAt: NOW + 10 } }));
    expect(await receive(store(), { max: 3, now: NOW + 10 })).toEqual([]);
    let sweeps = 0;
    while ((await store().sweep(NOW + 10)).isMore) sweeps += 1;
    expect(sweeps).toBeLessThan(4);
    expect(await numbersIn(store(), 'orders', NOW + 10)).toEqual([]);
  });

  test('nobody sees a message before its delay has passed', async () => {
    await makeQueue({});
    await append(store(), [newMessage(1, { terms: { visibleAt: NOW + 50 }, priority: 7 }), newMessage(2)]);
    expect(await store().getQueue('orders', NOW)).toMatchObject({ ready: 1, delayed: 1 });
    expect(numbersOf(await receive(store(), { max: 2 }))).toEqual([2]);
    expect(await store().nextVisibleAt('orders', NOW)).toBe(NOW + 50);
    expect(numbersOf(await receive(store(), { max: 2, now: NOW + 50 }))).toEqual([1]);
  });

  test('a delayed message that arrives before what is held is found in its time', async () => {
    await makeQueue({}, 3);
    await receive(store(), { max: 3 });
    await append(store(), [newMessage(4, { terms: { visibleAt: NOW + 50 }, priority: 7 })]);
    expect(await isNothingVisible(NOW + 49)).toBe(true);
    expect(numbersOf(await receive(store(), { now: NOW + 50 }))).toEqual([4]);
  });

  test('a journal keeps a copy of what was removed, for its time', async () => {
    await makeQueue({ journal: true, journalRetentionMs: 1000, deadLetter: false }, 2);
    const [one, two] = await receive(store(), { max: 2 });
    await settle(
      NOW,
      { type: 'ack', receipt: one?.receipt ?? '' },
      { type: 'reject', receipt: two?.receipt ?? '', reason: 'torn' },
    );
    const journal = async (now: number): Promise<PeekPage['messages']> =>
      (await store().peek({ queue: 'orders;journal', limit: 10, bodies: true, now })).messages;
    expect(await journal(NOW + 999)).toMatchObject([
      { id: one?.id, body: one?.body, story: { entries: [{ queue: 'orders', code: 'received' }] } },
      { id: two?.id, story: { entries: [{ code: 'rejected-by-receiver', reason: 'torn' }] } },
    ]);
    expect(await journal(NOW + 1000)).toEqual([]);
    expect((await store().listQueues(NOW + 1000)).map(({ name }) => name)).toEqual(['orders']);
  });

  test('a full journal takes no more copies, and says so; it does not count against the queue', async () => {
    await makeQueue({ journal: true, quotaMessages: 2 }, 3);
    const leased = await receive(store(), { max: 3 });
    await settle(NOW, ...leased.map(({ receipt }): Settlement => ({ type: 'ack', receipt })));
    expect(await numbersIn(store(), 'orders;journal')).toEqual([1, 2]);
    expect([...(await store().sweep(NOW)).unjournaled]).toEqual([['orders', 1]]);
    expect((await store().sweep(NOW)).unjournaled.size).toBe(0);
    const usage = await store().transact({ queues: ['orders'] }, (snapshot) => ({
      changes: [],
      result: snapshot.usage.get('orders'),
    }));
    expect(usage).toEqual({ messages: 0, bytes: 0 });
  });

  test('in a fifo queue arrival alone counts, and the messages keep their priorities', async () => {
    await makeQueue({ ordering: 'fifo', retryDelaysMs: [] });
    const priorities = [3, 0, 7, 5];
    await append(
      store(),
      priorities.map((priority, index) => newMessage(index + 1, { priority })),
    );
    const leased = await receive(store(), { max: 4 });
    expect(numbersOf(leased)).toEqual([1, 2, 3, 4]);
    expect(leased.map(({ priority }) => priority)).toEqual(priorities);
    const page = await store().peek({ queue: 'orders', limit: 9, bodies: false, now: NOW });
    expect(page.messages.map(({ priority }) => priority)).toEqual(priorities);
    await settle(NOW, ...leased.map(({ receipt }): Settlement => ({ type: 'reject', receipt })));
    expect((await deadLetters(NOW)).map(({ priority }) => priority)).toEqual(priorities);
  });

  test('in a queue that is paused for receiving nothing is visible, and leases are settled', async () => {
    await makeQueue({}, 2);
    const { receipt } = await receiveOne();
    await makeQueue({ receivingPaused: true });
    expect(await isNothingVisible(NOW)).toBe(true);
    expect(await settle(NOW, { type: 'ack', receipt })).toEqual([{ receipt }]);
    await makeQueue({});
    expect(numbersOf([await receiveOne()])).toEqual([2]);
  });

  test('a reopened store has delays, times to live, groups, stories and settings', async () => {
    await makeQueue({ retryDelaysMs: [100], maxDeliveries: 2, ordering: 'fifo', quotaMessages: 99 }, 1);
    await append(store(), [
      newMessage(2, { terms: { expiresAt: NOW + 10 } }),
      newMessage(3, { terms: { groupId: 'g' } }),
      newMessage(4, { terms: { groupId: 'g' } }),
      newMessage(5, { terms: { visibleAt: NOW + 70 } }),
    ]);
    const { receipt } = await receiveOne();
    await settle(NOW, { type: 'reject', receipt, reason: 'why' });
    const before = await store().listQueues(NOW);
    const letters = await deadLetters(NOW);
    const reopened = await reopen();
    expect(await reopened.listQueues(NOW)).toEqual(before);
    expect(await deadLetters(NOW)).toEqual(letters);
    expect(await store().getQueue('orders', NOW)).toMatchObject({ ready: 2, blocked: 1, delayed: 1 });
    expect(numbersOf(await deadLetters(NOW + 10))).toEqual([1, 2]);
  });
}
