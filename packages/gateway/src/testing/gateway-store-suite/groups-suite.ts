import { expect, test } from 'vitest';
import type { GatewayStore, LeasedMessage, Settlement } from '../../ports/gateway-store.ts';
import {
  append,
  LEASE_MS,
  newMessage,
  NOW,
  numbersIn,
  numbersOf,
  queueRow,
  receive,
  write,
} from './fixtures.ts';

/** Messages of one group: one at a time, in order; a stuck group blocks only itself. */
export function groupsSuite(store: () => GatewayStore): void {
  const makeQueue = (settings: Parameters<typeof queueRow>[1] = {}): Promise<void> =>
    write(store(), { type: 'put-queue', row: queueRow('orders', settings) });
  const send = (...messages: readonly (readonly [number: number, group?: string, priority?: number])[]) =>
    append(
      store(),
      messages.map(([number, groupId, priority = 3]) =>
        newMessage(number, { priority, ...(groupId === undefined ? {} : { terms: { groupId } }) }),
      ),
    );
  const lease = (now = NOW): Promise<readonly LeasedMessage[]> => receive(store(), { max: 10, now });
  const settle = (
    type: 'ack' | 'release' | 'reject' | 'nack',
    messages: readonly LeasedMessage[],
    now = NOW,
  ) =>
    store().settle({
      queue: 'orders',
      settlements: messages.map(({ receipt }): Settlement => ({ type, receipt })),
      now,
    });

  test('one message of each group is out at a time, and messages without a group pass', async () => {
    await makeQueue();
    await send([1, 'a'], [2, 'a'], [3], [4, 'b'], [5, 'a'], [6, 'b'], [7]);
    expect(await store().getQueue('orders', NOW)).toMatchObject({ ready: 4, blocked: 3 });
    const first = await lease();
    expect(numbersOf(first)).toEqual([1, 3, 4, 7]);
    expect(await lease()).toEqual([]);
    await settle('ack', first);
    const second = await lease();
    expect(numbersOf(second)).toEqual([2, 6]);
    await settle('ack', second);
    const third = await lease();
    expect(numbersOf(third)).toEqual([5]);
    await settle('ack', third);
    expect(await store().getQueue('orders', NOW)).toMatchObject({ ready: 0, blocked: 0, bytes: 0 });
  });

  test('a group whose message waits to be tried again blocks itself and nobody else', async () => {
    await makeQueue({ retryDelaysMs: [1000], maxDeliveries: 3 });
    await send([1, 'a'], [2, 'a'], [3, 'b'], [4, 'b']);
    const [one, three] = await lease();
    await settle('nack', one === undefined ? [] : [one]);
    await settle('ack', three === undefined ? [] : [three]);
    const [four] = await lease();
    expect(numbersOf(four === undefined ? [] : [four])).toEqual([4]);
    await settle('ack', four === undefined ? [] : [four]);
    expect(await lease(NOW + 999)).toEqual([]);
    expect(numbersOf(await lease(NOW + 1000))).toEqual([1]);
    // The lease runs out, and still the next one has to wait.
    expect(await lease(NOW + 1000 + LEASE_MS)).toEqual([]);
    expect(numbersOf(await lease(NOW + 2000 + LEASE_MS))).toEqual([1]);
  });

  test('the next one has its turn when the first is a dead letter, expires, or is given back and taken', async () => {
    await makeQueue({ maxDeliveries: 1 });
    await send([1, 'a'], [2, 'a']);
    await append(store(), [newMessage(3, { terms: { groupId: 'a', expiresAt: NOW + 50 } })]);
    await send([4, 'a']);
    await settle('reject', await lease());
    await settle('release', await lease());
    const two = await lease();
    expect(numbersOf(two)).toEqual([2]);
    await settle('nack', two);
    expect(numbersOf(await lease(NOW + 49))).toEqual([3]);
    expect(numbersOf(await lease(NOW + 49 + LEASE_MS))).toEqual([4]);
  });

  test('a blocked message that goes leaves the group as it is', async () => {
    await makeQueue();
    await append(store(), [
      newMessage(1, { terms: { groupId: 'a' } }),
      newMessage(2, { terms: { groupId: 'a', expiresAt: NOW + 5 } }),
      newMessage(3, { terms: { groupId: 'a' } }),
    ]);
    const one = await lease();
    expect(await numbersIn(store(), 'orders', NOW + 5)).toEqual([1, 3]);
    expect(await lease(NOW + 5)).toEqual([]);
    await settle('ack', one, NOW + 5);
    expect(numbersOf(await lease(NOW + 5))).toEqual([3]);
  });

  test('who waits is chosen by priority, and a delay counts when the turn comes', async () => {
    await makeQueue();
    await send([1, 'a']);
    await append(store(), [newMessage(2, { terms: { groupId: 'a', visibleAt: NOW + 100 }, priority: 5 })]);
    await send([3, 'a', 4]);
    const one = await lease();
    expect(numbersOf(one)).toEqual([1]);
    expect(await store().nextVisibleAt('orders', NOW)).toBe(NOW + LEASE_MS);
    await settle('ack', one);
    expect(await store().getQueue('orders', NOW)).toMatchObject({ delayed: 1, blocked: 1 });
    expect(await store().nextVisibleAt('orders', NOW)).toBe(NOW + 100);
    expect(numbersOf(await lease(NOW + 100))).toEqual([2]);
  });

  test('the same group in another queue is another group', async () => {
    await makeQueue();
    await write(store(), { type: 'put-queue', row: queueRow('visits') });
    await send([1, 'a']);
    await append(store(), [newMessage(2, { terms: { groupId: 'a' } })], 'visits');
    await lease();
    expect(numbersOf(await receive(store(), { queue: 'visits' }))).toEqual([2]);
  });

  test('an append that fails leaves no group behind', async () => {
    await makeQueue();
    const failing = write(
      store(),
      {
        type: 'append',
        queue: 'orders',
        messages: [newMessage(1, { terms: { groupId: 'a', expiresAt: 1 } })],
      },
      { type: 'delete-queue', name: 'no-such-queue', at: NOW },
    );
    await expect(failing).rejects.toMatchObject({ code: 'queue-not-found' });
    await send([2, 'a']);
    expect(numbersOf(await lease())).toEqual([2]);
  });
}
