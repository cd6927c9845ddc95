import { expect, test } from 'vitest';
import { leaseKeyText } from '../../core/snapshot-keys.ts';
import type {
  Change,
  GatewayStore,
  LeasedMessage,
  LiveLease,
  Settlement,
  SettleRequest,
} from '../../ports/gateway-store.ts';
import {
  append,
  LEASE_MS,
  messageId,
  newMessage,
  newMessages,
  NOW,
  numbersIn,
  queueRow,
  receive,
  write,
} from './fixtures.ts';

/** Leases looked at and settled by a transaction: K settlements and M messages, all or none. */
export function settleAllSuite(reopen: () => Promise<GatewayStore>, store: () => GatewayStore): void {
  const start = (...names: string[]): Promise<void> =>
    write(store(), ...names.map((name): Change => ({ type: 'put-queue', row: queueRow(name) })));
  const ack = ({ receipt }: LeasedMessage): Settlement => ({ type: 'ack', receipt });
  const settling = (...requests: Omit<SettleRequest, 'now'>[]): Change => ({
    type: 'settle',
    requests: requests.map((request) => ({ ...request, now: NOW })),
  });
  const leasesOf = (
    receipts: readonly { readonly queue: string; readonly receipt: string }[],
    now = NOW,
  ): Promise<ReadonlyMap<string, LiveLease>> =>
    store().transact({ leases: { now, receipts } }, ({ leases }) => ({ changes: [], result: leases }));

  test('settles in several queues and sends to others, at once and durably', async () => {
    await start('orders', 'visits', 'invoices');
    await append(store(), newMessages(1, 3));
    await append(store(), newMessages(4, 5), 'visits');
    const orders = await receive(store(), { max: 2 });
    const visits = await receive(store(), { queue: 'visits' });
    await write(
      store(),
      { type: 'append', queue: 'invoices', messages: [newMessage(10)] },
      { type: 'append', queue: 'orders', messages: [newMessage(11)] },
      {
        type: 'put-send',
        queue: 'orders',
        row: { id: messageId(99), contentHash: new Uint8Array(32), sentAt: NOW },
      },
      settling(
        { queue: 'orders', settlements: orders.map(ack) },
        { queue: 'visits', settlements: visits.map(ack) },
      ),
    );
    await reopen();
    expect(await numbersIn(store())).toEqual([3, 11]);
    expect(await numbersIn(store(), 'visits')).toEqual([5]);
    expect(await numbersIn(store(), 'invoices')).toEqual([10]);
    expect(await store().getQueue('orders', NOW)).toMatchObject({ ready: 2, leased: 0 });
  });

  test.each(['first', 'second'])('a lost lease in the %s queue takes everything back', async (which) => {
    await start('orders', 'visits');
    await append(store(), newMessages(1, 2));
    await append(store(), newMessages(4, 5), 'visits');
    const [order] = await receive(store());
    const [visit] = await receive(store(), { queue: 'visits' });
    if (order === undefined || visit === undefined) throw new Error('two messages expected');
    const lost = which === 'first' ? order : visit;
    const queue = which === 'first' ? 'orders' : 'visits';
    await store().settle({ queue, now: NOW, settlements: [{ type: 'release', receipt: lost.receipt }] });
    const failing = write(
      store(),
      { type: 'put-queue', row: queueRow('made-in-vain') },
      { type: 'append', queue: 'visits', messages: [newMessage(10)] },
      settling(
        { queue: 'orders', settlements: [ack(order)] },
        { queue: 'visits', settlements: [ack(visit)] },
      ),
    );
    await expect(failing).rejects.toMatchObject({ name: 'StoreError', code: 'lease-lost' });
    expect(await numbersIn(store())).toEqual([1, 2]);
    expect(await numbersIn(store(), 'visits')).toEqual([4, 5]);
    expect(await store().getQueue('made-in-vain', NOW)).toBeUndefined();
    const other = which === 'first' ? visit : order;
    const otherQueue = which === 'first' ? 'visits' : 'orders';
    expect((await leasesOf([{ queue: otherQueue, receipt: other.receipt }])).size).toBe(1);
  });

  test('a lease that ended by time, of another queue, of no queue, or settled twice is lost', async () => {
    await start('orders', 'visits');
    await append(store(), newMessages(1, 2));
    const [first] = await receive(store());
    if (first === undefined) throw new Error('a message expected');
    const { receipt } = first;
    const late = { queue: 'orders', settlements: [ack(first)], now: NOW + LEASE_MS };
    const attempts: Change[] = [
      { type: 'settle', requests: [late] },
      settling({ queue: 'visits', settlements: [ack(first)] }),
      settling({ queue: 'no-such-queue', settlements: [ack(first)] }),
      settling({ queue: 'orders', settlements: [{ type: 'ack', receipt: 'nonsense' }] }),
      settling({ queue: 'orders', settlements: [{ type: 'extend', receipt, leaseMs: 1 }, ack(first)] }),
      settling(
        { queue: 'orders', settlements: [ack(first)] },
        { queue: 'orders', settlements: [ack(first)] },
      ),
    ];
    for (const change of attempts)
      await expect(write(store(), change)).rejects.toMatchObject({ code: 'lease-lost' });
    expect(await store().getQueue('orders', NOW)).toMatchObject({ ready: 1, leased: 1 });
    await write(store(), settling({ queue: 'orders', settlements: [ack(first)] }));
    expect(await numbersIn(store())).toEqual([2]);
  });

  test('a snapshot shows live leases with the size of their messages, and no others', async () => {
    await start('orders', 'visits');
    await append(store(), newMessages(1, 3));
    const [first, second, third] = await receive(store(), { max: 3 });
    if (first === undefined || second === undefined || third === undefined) throw new Error('three expected');
    await store().settle({
      queue: 'orders',
      now: NOW,
      settlements: [ack(second), { type: 'nack', receipt: third.receipt }],
    });
    const asked = [first, second, third].map(({ receipt }) => ({ queue: 'orders', receipt }));
    const others = [
      { queue: 'visits', receipt: first.receipt },
      { queue: 'no-such-queue', receipt: first.receipt },
      { queue: 'orders', receipt: '' },
      { queue: 'orders', receipt: '0.' },
    ];
    const bytes = first.properties.length + first.body.length;
    const live = new Map([[leaseKeyText('orders', first.receipt), { bytes }]]);
    expect(await leasesOf([...asked, ...others])).toEqual(live);
    expect(await leasesOf(asked, NOW + LEASE_MS - 1)).toEqual(live);
    expect(await leasesOf(asked, NOW + LEASE_MS)).toEqual(new Map());
  });

  test('nack, reject and release do within a transaction what they do outside', async () => {
    await start('orders');
    await append(store(), newMessages(1, 3));
    const [first, second, third] = await receive(store(), { max: 3 });
    if (first === undefined || second === undefined || third === undefined) throw new Error('three expected');
    await write(
      store(),
      settling({
        queue: 'orders',
        settlements: [
          { type: 'nack', receipt: first.receipt, delayMs: 1000 },
          { type: 'reject', receipt: second.receipt, reason: 'no such customer' },
          { type: 'release', receipt: third.receipt },
        ],
      }),
    );
    await reopen();
    const { messages } = await store().peek({ queue: 'orders', limit: 9, bodies: false, now: NOW });
    expect(messages.map(({ state, deliveryCount }) => [state, deliveryCount])).toEqual([
      ['delayed', 1],
      ['ready', 0],
    ]);
    const dead = await store().peek({ queue: 'orders;dead-letter', limit: 9, bodies: false, now: NOW });
    expect(dead.messages.map(({ story }) => story?.entries)).toMatchObject([
      [{ code: 'rejected-by-receiver', reason: 'no such customer', queue: 'orders' }],
    ]);
  });

  test('dead letters are settled in their own queue, which is gone with the last of them', async () => {
    await start('orders');
    await append(store(), newMessages(1, 1));
    const [only] = await receive(store());
    const reject = [{ type: 'reject', receipt: only?.receipt ?? '' }] as const;
    await store().settle({ queue: 'orders', now: NOW, settlements: reject });
    const dead = await receive(store(), { queue: 'orders;dead-letter' });
    await write(
      store(),
      { type: 'append', queue: 'orders', messages: [newMessage(7)] },
      settling({ queue: 'orders;dead-letter', settlements: dead.map(ack) }),
    );
    expect(await numbersIn(store())).toEqual([7]);
    expect(await store().getQueue('orders;dead-letter', NOW)).toBeUndefined();
  });

  test('the next of a group has its turn, also when it was sent by the same transaction', async () => {
    await start('orders');
    await append(store(), newMessages(1, 1, { terms: { groupId: 'a' } }));
    const held = await receive(store());
    await write(
      store(),
      { type: 'append', queue: 'orders', messages: newMessages(2, 2, { terms: { groupId: 'a' } }) },
      settling({ queue: 'orders', settlements: held.map(ack) }),
    );
    expect((await receive(store(), { max: 9 })).map(({ id }) => id)).toEqual([messageId(2)]);
  });
}
