import type { MessageId } from '@fieldpost/protocol';
import { expect, test } from 'vitest';
import type { HeardFate, OutboxStore } from '../../ports/outbox-store.ts';
import { draftOf, type OutboxBench, saveDrafts } from './outbox-place.ts';
import type { WithBench } from './with-bench.ts';

const LEASE = { holder: 'tab', until: 2_000, now: 1_000 };
const SAVED_AT = 1_700_000_000_000;

/** Messages whose fates were asked for: known from the save on, whatever becomes of the log. */
export function askedSuite(withBench: WithBench): void {
  test('who asked is known with the save, with its place in the stream', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      const [one, two, three] = await saveAsked(bench, store, [true, false, true]);
      expect(await store.findAsked(three)).toEqual({
        id: three,
        stream: { epoch: expect.any(String), queue: 'orders', priority: 3 },
        number: 3,
        savedAt: SAVED_AT,
      });
      expect(await store.findAsked(two)).toBeUndefined();
      const listed = await (await bench.open()).listAsked(10);
      expect(listed.map(({ id }) => id)).toEqual([one, three].toSorted());
      expect(await store.listAsked(1)).toHaveLength(1);
    }));

  test('a fate and the place up to which fates were told are written together, by who holds the lease', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      const [one] = await saveAsked(bench, store, [true]);
      const request = hearing(5, fateOf(one, 'rejected-by-receiver', 'no such customer'));
      expect(await store.hear(LEASE.holder, request)).toBe(false);
      await store.lease(LEASE);
      expect(await store.hear('another', request)).toBe(false);
      expect((await store.readLog()).heard).toBeUndefined();
      expect(await store.findAsked(one)).not.toHaveProperty('fate');
      expect(await store.hear(LEASE.holder, request)).toBe(true);
      const other = await bench.open();
      expect((await other.readLog()).heard).toEqual({ number: 5, id: one });
      const fate = { code: 'rejected-by-receiver', reason: 'no such customer', endedAt: 7 };
      expect(await other.findAsked(one)).toMatchObject({ id: one, number: 1, fate });
    }));

  test('a later fate takes the place of an earlier one; of a message that is not known nothing is kept', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      await store.lease(LEASE);
      const [one, quiet] = await saveAsked(bench, store, [true, false]);
      const unknown = bench.message().id;
      await store.hear(LEASE.holder, hearing(1, fateOf(one, 'max-deliveries', 'why')));
      await store.hear(
        LEASE.holder,
        hearing(4, fateOf(quiet, 'purged'), fateOf(unknown, 'purged'), fateOf(one, 'received')),
      );
      expect(await store.listAsked(10)).toHaveLength(1);
      expect((await store.findAsked(one))?.fate).toEqual({ code: 'received', endedAt: 7 });
      expect((await store.readLog()).heard).toEqual({ number: 4, id: one });
    }));

  test('they are kept when their segments are trimmed, and forgotten when they are old: by the save, or by the hearing', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      await store.lease(LEASE);
      const [one, two] = await saveAsked(bench, store, [true, true]);
      await store.hear(LEASE.holder, hearing(1, fateOf(one, 'received')));
      await store.settle(LEASE.holder, { settledUpTo: 1 });
      expect(await store.trim({ savedBefore: SAVED_AT + 1, keepBytes: 0 })).toBe(1);
      expect(await store.find(one)).toBeUndefined();
      expect((await store.listAsked(10)).map(({ id }) => id)).toEqual([one, two].toSorted());
      const heardAt = SAVED_AT + 10;
      expect(await store.forgetAsked({ savedBefore: SAVED_AT, heardBefore: heardAt })).toBe(0);
      expect(await store.forgetAsked({ savedBefore: SAVED_AT, heardBefore: heardAt + 1 })).toBe(1);
      expect((await store.listAsked(10)).map(({ id }) => id)).toEqual([two]);
      expect(await store.forgetAsked({ savedBefore: SAVED_AT + 1, heardBefore: 0 })).toBe(1);
      expect(await store.listAsked(10)).toEqual([]);
    }));

  test('a device with another id has heard of nothing', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      await store.lease(LEASE);
      const [one] = await saveAsked(bench, store, [true]);
      await store.hear(LEASE.holder, hearing(1, fateOf(one, 'received')));
      const { device } = await store.readLog();
      if (device === undefined) throw new Error('an open store has a device');
      await store.renewDevice({ from: device, to: bench.device() });
      expect((await store.readLog()).heard).toBeUndefined();
      expect((await store.findAsked(one))?.fate).toMatchObject({ code: 'received' });
    }));
}

/** Saves messages in one segment, of which some ask. */
async function saveAsked(
  bench: OutboxBench,
  store: OutboxStore,
  asks: readonly boolean[],
): Promise<[MessageId, MessageId, MessageId]> {
  const messages = asks.map(() => bench.message());
  const asked = messages.flatMap(({ id }, index) => (asks[index] === true ? [{ id, index }] : []));
  const draft = { ...draftOf(messages, { savedAt: SAVED_AT }), asked };
  await saveDrafts(store, bench.epoch(), bench.uuid(), [draft]);
  const [one = bench.message(), two = bench.message(), three = bench.message()] = messages;
  return [one.id, two.id, three.id];
}

function fateOf(id: MessageId, code: string, reason?: string): HeardFate {
  return { id, fate: { code, ...(reason === undefined ? {} : { reason }), endedAt: 7 } };
}

function hearing(
  number: number,
  ...fates: readonly [HeardFate, ...HeardFate[]]
): Parameters<OutboxStore['hear']>[1] {
  const { id } = fates.at(-1) ?? fates[0];
  return { fates, cursor: { number, id }, heardAt: SAVED_AT + 10 };
}
