import { expect, test } from 'vitest';
import type { GatewayStore, PeekPage, Settlement, SettleResult } from '../../ports/gateway-store.ts';
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

/** Handing out, settling and looking. */
export function queuesSuite(store: () => GatewayStore): void {
  const settle = (now: number, ...settlements: Settlement[]): Promise<readonly SettleResult[]> =>
    store().settle({ queue: 'orders', settlements, now });
  const receiveOne = async (now = NOW) => {
    const [message] = await receive(store(), { now });
    if (message === undefined) throw new Error(`no message is visible at ${now}`);
    return message;
  };
  const withMessages = async (count: number): Promise<void> => {
    await write(store(), { type: 'put-queue', row: queueRow() });
    if (count > 0) await append(store(), newMessages(1, count));
  };

  test('hands out the highest priority first, then in order of arrival', async () => {
    await withMessages(0);
    const priorities = [3, 0, 7, 3, 7, 5, 0];
    await append(
      store(),
      priorities.map((priority, index) => newMessage(index + 1, { priority })),
    );
    await append(store(), [newMessage(8, { priority: 5 })]);
    const expected = [3, 5, 6, 8, 1, 4, 2, 7];
    expect(await numbersIn(store())).toEqual(expected);
    expect(numbersOf(await receive(store(), { max: 5 }))).toEqual(expected.slice(0, 5));
    await append(store(), [newMessage(9, { priority: 7 })]);
    expect(numbersOf(await receive(store(), { max: 5 }))).toEqual([9, ...expected.slice(5)]);
    expect(await receive(store(), { max: 5 })).toEqual([]);
  });

  test('a message comes out as it went in', async () => {
    await withMessages(0);
    const frame = Uint8Array.from({ length: 64 }, (_, index) => index);
    const message = newMessage(1, {
      id: frame.subarray(3, 19),
      properties: frame.subarray(21, 30),
      body: frame.subarray(30, 50),
      priority: 6,
    });
    await append(store(), [
      message,
      newMessage(2, { properties: new Uint8Array(0), body: new Uint8Array(0) }),
    ]);
    frame.fill(0);
    const [first, second] = await receive(store(), { max: 2 });
    expect(first).toMatchObject({
      id: '03040506-0708-090a-0b0c-0d0e0f101112',
      properties: Uint8Array.from({ length: 9 }, (_, index) => 21 + index),
      body: Uint8Array.from({ length: 20 }, (_, index) => 30 + index),
      priority: 6,
      sentAt: message.sentAt,
      arrivedAt: message.arrivedAt,
      deliveryCount: 1,
      leasedUntil: NOW + LEASE_MS,
    });
    expect(first).not.toHaveProperty('origin');
    expect(second).toMatchObject({ properties: new Uint8Array(0), body: new Uint8Array(0) });
  });

  test('a message that breaks its shape fails its call as a bug, and nothing of the call is stored', async () => {
    await withMessages(0);
    const broken = [{ id: new Uint8Array(15) }, { priority: 8 }, { priority: -1 }, { priority: 0.5 }];
    for (const changes of broken) {
      const appending = append(store(), [newMessage(1), newMessage(2, changes)]);
      await expect(appending).rejects.toMatchObject({ name: 'InvariantError' });
    }
    expect(await store().getQueue('orders', NOW)).toMatchObject({ ready: 0, bytes: 0 });
  });

  test('a leased message is nobody else’s until the lease ends, then it is back at its old place', async () => {
    await withMessages(3);
    const first = await receiveOne();
    expect(numbersOf(await receive(store(), { max: 3, now: NOW + LEASE_MS - 1 }))).toEqual([2, 3]);
    const again = await receiveOne(NOW + LEASE_MS);
    expect(again).toMatchObject({ id: first.id, deliveryCount: 2 });
    expect(again.receipt).not.toBe(first.receipt);
  });

  test('settling with an old receipt is lease-lost and changes nothing', async () => {
    await withMessages(1);
    const old = await receiveOne();
    const kinds: ((receipt: string) => Settlement)[] = [
      (receipt) => ({ type: 'ack', receipt }),
      (receipt) => ({ type: 'nack', receipt, delayMs: 1000 }),
      (receipt) => ({ type: 'extend', receipt, leaseMs: 1000 }),
      (receipt) => ({ type: 'release', receipt }),
    ];
    const lost = { receipt: old.receipt, code: 'lease-lost' };
    // The lease is over, although nobody took the message since.
    for (const kind of kinds) expect(await settle(NOW + LEASE_MS, kind(old.receipt))).toEqual([lost]);
    expect(await store().getQueue('orders', NOW + LEASE_MS)).toMatchObject({
      ready: 1,
      leased: 0,
      delayed: 0,
    });

    const live = await receiveOne(NOW + LEASE_MS);
    for (const kind of kinds) expect(await settle(NOW + LEASE_MS, kind(old.receipt))).toEqual([lost]);
    expect(await settle(NOW + LEASE_MS, { type: 'ack', receipt: live.receipt })).toEqual([
      { receipt: live.receipt },
    ]);
    for (const kind of kinds)
      expect(await settle(NOW + LEASE_MS, kind(live.receipt))).toMatchObject([{ code: 'lease-lost' }]);
    expect(await numbersIn(store())).toEqual([]);
  });

  test('a text that is no receipt is lease-lost', async () => {
    await withMessages(1);
    const { receipt } = await receiveOne();
    const texts = [
      '',
      '.',
      'x',
      `${receipt}x`,
      receipt.slice(0, -1),
      receipt.toUpperCase(),
      `0.${receipt}`,
      '1e3.token',
      `${'z'.repeat(11)}.token`,
      '__proto__',
    ];
    const results = await settle(NOW, ...texts.map((text): Settlement => ({ type: 'ack', receipt: text })));
    expect(results).toEqual(texts.map((text) => ({ receipt: text, code: 'lease-lost' })));
    expect(await store().getQueue('orders', NOW)).toMatchObject({ leased: 1 });
  });

  test('each receipt has its own result, in order; a receipt used twice is lost the second time', async () => {
    await withMessages(4);
    const [one, two, three] = (await receive(store(), { max: 3 })).map((message) => message.receipt);
    if (one === undefined || two === undefined || three === undefined)
      throw new Error('three leases expected');
    const results = await settle(
      NOW,
      { type: 'ack', receipt: two },
      { type: 'ack', receipt: 'nonsense' },
      { type: 'ack', receipt: two },
      { type: 'extend', receipt: one, leaseMs: 90_000 },
      { type: 'nack', receipt: three, delayMs: 0 },
    );
    expect(results).toEqual([
      { receipt: two },
      { receipt: 'nonsense', code: 'lease-lost' },
      { receipt: two, code: 'lease-lost' },
      { receipt: one, leasedUntil: NOW + 90_000 },
      { receipt: three },
    ]);
    expect(await numbersIn(store())).toEqual([1, 3, 4]);
    expect(numbersOf(await receive(store(), { max: 9 }))).toEqual([3, 4]);
  });

  test('a receipt settles in its own queue only', async () => {
    await withMessages(1);
    await write(store(), { type: 'put-queue', row: queueRow('visits') });
    await append(store(), [newMessage(2)], 'visits');
    const { receipt } = await receiveOne();
    await receive(store(), { queue: 'visits' });
    const settlements = [{ type: 'ack', receipt }] as const;
    expect(await store().settle({ queue: 'visits', settlements, now: NOW })).toMatchObject([
      { code: 'lease-lost' },
    ]);
    expect(await numbersIn(store(), 'visits')).toEqual([2]);
  });

  test('nack gives a message back to its old place after its delay, and counts the delivery', async () => {
    await withMessages(3);
    const first = await receiveOne();
    await settle(NOW, { type: 'nack', receipt: first.receipt, delayMs: 5000 });
    expect(await store().getQueue('orders', NOW)).toMatchObject({ ready: 2, leased: 0, delayed: 1 });
    expect(await store().nextVisibleAt('orders', NOW)).toBe(NOW + 5000);
    expect(numbersOf(await receive(store(), { now: NOW + 4999 }))).toEqual([2]);
    expect(await receiveOne(NOW + 5000)).toMatchObject({ id: first.id, deliveryCount: 2 });
    expect(await settle(NOW + 5000, { type: 'ack', receipt: first.receipt })).toMatchObject([
      { code: 'lease-lost' },
    ]);
  });

  test('release gives a message back at once and does not count the delivery', async () => {
    await withMessages(2);
    const first = await receiveOne();
    await settle(NOW, { type: 'release', receipt: first.receipt });
    expect(await receiveOne()).toMatchObject({ id: first.id, deliveryCount: 1 });
    const { messages } = await store().peek({ queue: 'orders', limit: 9, bodies: false, now: NOW });
    expect(messages.map((message) => message.deliveryCount)).toEqual([1, 0]);
  });

  test('extend moves the end of the lease, either way', async () => {
    await withMessages(1);
    const { receipt } = await receiveOne();
    expect(await settle(NOW + 20_000, { type: 'extend', receipt, leaseMs: LEASE_MS })).toEqual([
      { receipt, leasedUntil: NOW + 50_000 },
    ]);
    expect(await receive(store(), { now: NOW + 49_999 })).toEqual([]);
    await settle(NOW + 21_000, { type: 'extend', receipt, leaseMs: 10 });
    expect(await receive(store(), { now: NOW + 21_009 })).toEqual([]);
    expect(await receive(store(), { now: NOW + 21_010 })).toHaveLength(1);
  });

  test('delivery counts survive expiry, nack and a long series', async () => {
    await withMessages(1);
    for (let delivery = 1; delivery <= 10; delivery++) {
      const now = NOW + delivery * LEASE_MS;
      const message = await receiveOne(now);
      expect(message.deliveryCount).toBe(delivery);
      if (delivery % 2 === 0) await settle(now, { type: 'nack', receipt: message.receipt, delayMs: 0 });
    }
  });

  test('nextVisibleAt is the first end of a lease or delay, and undefined when nothing is held', async () => {
    await withMessages(3);
    expect(await store().nextVisibleAt('orders', NOW)).toBeUndefined();
    const [one, two, three] = await receive(store(), { max: 3 });
    if (one === undefined || two === undefined || three === undefined)
      throw new Error('three leases expected');
    await settle(
      NOW,
      { type: 'extend', receipt: one.receipt, leaseMs: 70_000 },
      { type: 'nack', receipt: two.receipt, delayMs: 50_000 },
    );
    expect(await store().nextVisibleAt('orders', NOW)).toBe(NOW + LEASE_MS);
    expect(await store().nextVisibleAt('orders', NOW + LEASE_MS)).toBe(NOW + 50_000);
    await settle(NOW, { type: 'ack', receipt: three.receipt });
    expect(await store().nextVisibleAt('orders', NOW)).toBe(NOW + 50_000);
    await settle(NOW, { type: 'ack', receipt: one.receipt });
    expect(await store().nextVisibleAt('orders', NOW + 50_000)).toBeUndefined();
  });

  test('counts follow every step, by name', async () => {
    await write(
      store(),
      ...['visits', 'orders', 'alpha'].map((name) => ({ type: 'put-queue' as const, row: queueRow(name) })),
    );
    await append(store(), newMessages(1, 5, { properties: new Uint8Array(3), body: new Uint8Array(100) }));
    expect(await store().getQueue('orders', NOW)).toMatchObject({ ready: 5, leased: 0, delayed: 0 });
    const [one, two] = await receive(store(), { max: 2 });
    if (one === undefined || two === undefined) throw new Error('two leases expected');
    expect(await store().getQueue('orders', NOW)).toMatchObject({ ready: 3, leased: 2, delayed: 0 });
    await settle(NOW, { type: 'nack', receipt: two.receipt, delayMs: LEASE_MS * 2 });
    const queues = await store().listQueues(NOW);
    expect(queues.map((queue) => queue.name)).toEqual(['alpha', 'orders', 'visits']);
    expect(queues[0]).toEqual({
      ...queueRow('alpha'),
      ready: 0,
      leased: 0,
      delayed: 0,
      blocked: 0,
      bytes: 0,
    });
    expect(queues[1]).toEqual({
      ...queueRow(),
      ready: 3,
      leased: 1,
      delayed: 1,
      blocked: 0,
      bytes: 515,
      oldestArrivedAt: NOW + 1,
    });
    expect(await store().getQueue('orders', NOW + LEASE_MS)).toMatchObject({
      ready: 4,
      leased: 0,
      delayed: 1,
    });
    expect(await store().getQueue('orders', NOW + LEASE_MS * 2)).toMatchObject({
      ready: 5,
      leased: 0,
      delayed: 0,
    });
    await settle(NOW, { type: 'ack', receipt: one.receipt });
    expect(await store().getQueue('orders', NOW)).toMatchObject({
      ready: 3,
      leased: 0,
      delayed: 1,
      bytes: 412,
      oldestArrivedAt: NOW + 2,
    });
  });

  test('peek shows every state and leases nothing; bodies come only when asked for', async () => {
    await withMessages(3);
    const [one] = await receive(store(), { max: 2 });
    await settle(NOW, { type: 'nack', receipt: one?.receipt ?? '', delayMs: 10 });
    const look = (bodies: boolean, now = NOW): Promise<PeekPage> =>
      store().peek({ queue: 'orders', limit: 10, bodies, now });
    const page = await look(true);
    expect(page.messages.map((message) => message.state)).toEqual(['delayed', 'leased', 'ready']);
    expect(page.messages.map((message) => message.body)).toEqual(
      newMessages(1, 3).map((message) => message.body),
    );
    expect(page).not.toHaveProperty('cursor');
    expect((await look(false)).messages.map((message) => message.body.length)).toEqual([0, 0, 0]);
    expect((await look(false, NOW + 10)).messages.map((message) => message.state)).toEqual([
      'ready',
      'leased',
      'ready',
    ]);
    expect(await store().getQueue('orders', NOW)).toMatchObject({ ready: 1, leased: 1, delayed: 1 });
  });

  test('a receive and a page end behind the message that fills their bytes, and go on from there', async () => {
    const bodies = [10, 400, 10, 2000, 10].map((length) => new Uint8Array(length));
    const messages = bodies.map((body, index) =>
      newMessage(index + 1, { body, properties: new Uint8Array(0) }),
    );
    await write(
      store(),
      { type: 'put-queue', row: queueRow() },
      { type: 'append', queue: 'orders', messages },
    );
    const pages: number[] = [];
    let cursor: string | undefined;
    do {
      const page = await store().peek({
        queue: 'orders',
        limit: 4,
        bytesMax: 400,
        bodies: true,
        now: NOW,
        ...(cursor === undefined ? {} : { cursor }),
      });
      pages.push(page.messages.length);
      cursor = page.cursor;
    } while (cursor !== undefined);
    expect(pages).toEqual([2, 2, 1]);
    const sizes = async (bytesMax: number): Promise<number[]> =>
      (await receive(store(), { max: 4, bytesMax })).map(({ body }) => body.length);
    expect(await sizes(400)).toEqual([10, 400]);
    expect(await sizes(1)).toEqual([10]);
    expect(await sizes(1)).toEqual([2000]);
    expect(await sizes(20 * 1024 * 1024)).toEqual([10]);
    expect(await sizes(400)).toEqual([]);
  });

  test('a cursor stays right while others take, add and remove', async () => {
    await withMessages(0);
    await append(store(), [...newMessages(1, 4, { priority: 5 }), ...newMessages(5, 8, { priority: 1 })]);
    const page = (cursor: string | undefined): Promise<PeekPage> =>
      store().peek({
        queue: 'orders',
        limit: 3,
        bodies: false,
        now: NOW,
        ...(cursor === undefined ? {} : { cursor }),
      });
    const first = await page(undefined);
    expect(numbersOf(first.messages)).toEqual([1, 2, 3]);
    // What the cursor stands on goes, what comes next goes, and something comes in before and behind it.
    const leased = await receive(store(), { max: 4 });
    await settle(NOW, ...leased.map(({ receipt }): Settlement => ({ type: 'ack', receipt })));
    await append(store(), [
      newMessage(20, { priority: 7 }),
      newMessage(21, { priority: 5 }),
      newMessage(22, { priority: 1 }),
    ]);
    const second = await page(first.cursor);
    expect(numbersOf(second.messages)).toEqual([21, 5, 6]);
    const third = await page(second.cursor);
    expect(numbersOf(third.messages)).toEqual([7, 8, 22]);
    expect(third.cursor).toBeUndefined();
    expect(numbersOf((await page(first.cursor)).messages)).toEqual([21, 5, 6]);
  });

  test('a cursor that no peek answered with is invalid-request', async () => {
    await withMessages(1);
    for (const cursor of ['', '-1', 'A', '1.5', 'z'.repeat(12), '../etc', '\u0000']) {
      const looking = store().peek({ queue: 'orders', limit: 1, bodies: false, now: NOW, cursor });
      await expect(looking).rejects.toMatchObject({ name: 'StoreError', code: 'invalid-request' });
    }
  });

  test('behind a long stretch of leased messages the next ones are found, and those given back first', async () => {
    await withMessages(2000);
    const held = await receive(store(), { max: 1000 });
    expect(numbersOf(await receive(store(), { max: 2 }))).toEqual([1001, 1002]);
    const receiptOf = (number: number): string => held[number - 1]?.receipt ?? '';
    await settle(NOW, { type: 'nack', receipt: receiptOf(500), delayMs: 0 });
    expect(numbersOf(await receive(store(), { max: 2 }))).toEqual([500, 1003]);
    await settle(NOW, { type: 'release', receipt: receiptOf(10) }, { type: 'ack', receipt: receiptOf(11) });
    await append(store(), [newMessage(3000, { priority: 7 })]);
    expect(numbersOf(await receive(store(), { max: 3 }))).toEqual([3000, 10, 1004]);
    await settle(
      NOW,
      { type: 'nack', receipt: receiptOf(20), delayMs: 100 },
      { type: 'extend', receipt: receiptOf(30), leaseMs: 50 },
    );
    expect(numbersOf(await receive(store(), { max: 1, now: NOW + 49 }))).toEqual([1005]);
    expect(numbersOf(await receive(store(), { max: 2, now: NOW + 50 }))).toEqual([30, 1006]);
    expect(numbersOf(await receive(store(), { max: 2, now: NOW + 100 }))).toEqual([20, 1007]);
    // The leases taken at NOW end at once; 20 and 30 were leased later.
    const back = await receive(store(), { max: 40, now: NOW + LEASE_MS });
    expect(numbersOf(back).slice(0, 12)).toEqual([3000, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12]);
  });
}
