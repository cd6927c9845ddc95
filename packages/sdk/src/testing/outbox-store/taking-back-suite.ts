import { type MessageId, unpackEntries, uuidFromBytes } from '@fieldpost/protocol';
import { expect, test } from 'vitest';
import type { MessagePlace, OutboxStore, Skip } from '../../ports/outbox-store.ts';
import { letterOf } from './letter-of.ts';
import { draftOf, type OutboxBench, saveDrafts } from './outbox-place.ts';
import type { WithBench } from './with-bench.ts';

const TAKEN = { holder: 'tab', until: 2000, now: 1000 };

/** Offering, taking messages back, and expiry. */
export function takingBackSuite(withBench: WithBench): void {
  test('what was never offered is taken back for good: a skip, a fate, and only the id is left of it', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      const { places, ids } = await saveThree(bench, store);
      const [, place] = places;
      const skip: Skip = { ...place, id: ids[1], code: 'cancelled', isFinal: true };
      expect(await store.cancel(place)).toEqual({ outcome: 'cancelled', skips: [skip] });
      for (const handle of [store, await bench.open()]) {
        expect(await handle.readLog()).toMatchObject({ skips: [skip] });
        expect(await handle.listFates([{ ...place, first: 1, last: 3 }])).toEqual([
          { ...place, code: 'cancelled' },
        ]);
        expect(await handle.find(ids[1])).toMatchObject({ ...place, code: 'cancelled', message: undefined });
        const [segment] = await handle.loadSegments({ after: 0, bytesMax: 1e9 });
        const entries = unpackEntries(segment?.messages ?? new Uint8Array(0), 3);
        expect(entries.map((entry) => uuidFromBytes(entry.subarray(0, 16)))).toEqual(ids);
        expect(entries.map(({ length }) => length > 16)).toEqual([true, false, true]);
      }
    }));

  test('what was offered is only asked for, and stays as it is', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      const { places, ids, position } = await saveThree(bench, store);
      const [place] = places;
      await store.lease(TAKEN);
      expect(await store.offer('tab', { upTo: position, isRaised: true })).toEqual({ held: true, skips: [] });
      const before = await store.loadSegments({ after: 0, bytesMax: 1e9 });
      const skip: Skip = { ...place, id: ids[0], code: 'cancelled', isFinal: false };
      expect(await store.cancel(place)).toEqual({ outcome: 'asked', skips: [skip] });
      expect(await store.loadSegments({ after: 0, bytesMax: 1e9 })).toEqual(before);
      expect(await store.listFates([{ ...place, first: 1, last: 3 }])).toEqual([]);
      expect(await store.readLog()).toMatchObject({ offered: position, skips: [skip] });
    }));

  test('whoever offers more hears of what was taken back before', () =>
    withBench(async (bench) => {
      const [leader, other] = [await bench.open(), await bench.open()];
      const { places, position } = await saveThree(bench, other);
      await leader.lease(TAKEN);
      const result = await other.cancel(places[2]);
      const skips = result.outcome === 'settled' ? [] : result.skips;
      expect(skips).toHaveLength(1);
      expect(await leader.offer('tab', { upTo: position + 10, isRaised: true })).toEqual({
        held: true,
        skips,
      });
    }));

  test('a cancel and an offer at once: either the offer tells of the skip, or the cancel is only asked for', () =>
    withBench(async (bench) => {
      const [leader, other] = [await bench.open(), await bench.open()];
      const { places, position } = await saveThree(bench, other);
      await leader.lease(TAKEN);
      const offering = leader.offer('tab', { upTo: position, isRaised: true });
      const [offered, taken] = await Promise.all([offering, other.cancel(places[0])]);
      expect(taken.outcome).toBe(offered.skips.length === 1 ? 'cancelled' : 'asked');
    }));

  test('who does not hold the lease offers nothing; what was offered ahead can be taken back', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      expect(await store.offer('tab', { upTo: 9, isRaised: true })).toEqual({ held: false, skips: [] });
      await store.lease(TAKEN);
      expect(await store.offer('another', { upTo: 9, isRaised: true })).toMatchObject({ held: false });
      expect(await store.readLog()).toMatchObject({ offered: 0 });
      await store.offer('tab', { upTo: 9, isRaised: true });
      await store.offer('tab', { upTo: 4, isRaised: false });
      expect(await store.readLog()).toMatchObject({ offered: 4 });
    }));

  test('what is settled is not taken back, and its code is told', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      const { places, ids } = await saveThree(bench, store);
      await store.lease(TAKEN);
      const [first, second, third] = places;
      await store.settle('tab', {
        marks: [{ stream: first.stream, acknowledged: 2, acknowledgedId: ids[1] }],
        deadLetters: [letterOf(bench, { ...second, id: ids[1], code: 'too-large' })],
      });
      expect(await store.cancel(first)).toEqual({ outcome: 'settled', code: undefined });
      expect(await store.cancel(second)).toEqual({ outcome: 'settled', code: 'too-large' });
      expect(await store.cancel(third)).toMatchObject({ outcome: 'cancelled' });
      expect(await store.cancel(third)).toEqual({ outcome: 'settled', code: 'cancelled' });
      expect(await store.readLog()).toMatchObject({ skips: [{ number: 3 }] });
    }));

  test('the settlement of a skip forgets it and keeps its fate, until its segment goes', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      const { places, ids, position } = await saveThree(bench, store);
      const [place] = places;
      await store.cancel(place);
      await store.cancel(places[2]);
      await store.lease(TAKEN);
      await store.settle('tab', {
        marks: [{ stream: place.stream, acknowledged: 1, acknowledgedId: ids[0] }],
        fates: [{ ...place, code: 'cancelled' }],
      });
      expect((await store.readLog()).skips.map(({ number }) => number)).toEqual([3]);
      const range = { stream: place.stream, first: 1, last: 1 };
      expect(await store.listFates([range])).toEqual([{ ...place, code: 'cancelled' }]);
      await store.settle('tab', { settledUpTo: position });
      await store.trim({ savedBefore: Number.MAX_SAFE_INTEGER, keepBytes: 0 });
      expect(await store.listFates([range])).toEqual([]);
    }));

  test('an expired message is set aside with its body, and its bytes are in the log no more', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      const { places, ids } = await saveThree(bench, store);
      const [, place] = places;
      const letter = letterOf(bench, { ...place, id: ids[1], state: 'expired', code: 'reach-timeout' });
      const skip: Skip = { ...place, id: ids[1], code: 'reach-timeout', isFinal: true };
      const settlement = { deadLetters: [letter], expired: [skip] };
      expect(await store.settle('tab', settlement)).toBe(false);
      await store.lease(TAKEN);
      expect(await store.settle('tab', settlement)).toBe(true);
      expect(await store.listDeadLetters()).toEqual([letter]);
      expect(await store.readLog()).toMatchObject({ skips: [skip] });
      expect(await store.cancel(place)).toEqual({ outcome: 'settled', code: 'reach-timeout' });
      const [segment] = await store.loadSegments({ after: 0, bytesMax: 1e9 });
      const lengths = unpackEntries(segment?.messages ?? new Uint8Array(0), 3).map(({ length }) => length);
      expect(lengths.map((length) => length > 16)).toEqual([true, false, true]);
      await store.discardDeadLetter(letter.id);
      expect(await store.find(letter.id)).toMatchObject({ code: 'reach-timeout', message: undefined });
    }));

  test('of a transaction all is taken back, whichever message of it is', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      const drafts = [
        draftOf([bench.message()]),
        { ...draftOf([bench.message(), bench.message()]), part: { index: 0, parts: 2 } },
        { ...draftOf([bench.message()], { queue: 'visits' }), part: { index: 1, parts: 2 }, expiresInMs: 10 },
        draftOf([bench.message()], { queue: 'visits' }),
      ];
      const { segments } = await saveDrafts(store, bench.epoch(), bench.uuid(), drafts);
      expect(segments.map(({ part }) => part)).toEqual(
        drafts.map((draft) => ('part' in draft ? draft.part : undefined)),
      );
      expect(await (await bench.open()).listSegments({ after: 0 })).toEqual(segments);
      const [, first, second] = segments;
      if (first === undefined || second === undefined) throw new Error('nothing was saved');
      const result = await store.cancel({ stream: second.stream, number: second.first });
      expect(
        result.outcome === 'cancelled' && result.skips.map(({ stream, number }) => [stream.queue, number]),
      ).toEqual([
        ['orders', 2],
        ['orders', 3],
        ['visits', 1],
      ]);
      await store.lease(TAKEN);
      await store.offer('tab', { upTo: first.position, isRaised: true });
      expect((await store.readLog()).skips).toHaveLength(3);
    }));

  test('a transaction of which a part was offered is asked for', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      const parts = ['orders', 'visits'].map((queue, index) => ({
        ...draftOf([bench.message()], { queue }),
        part: { index, parts: 2 },
      }));
      const { segments } = await saveDrafts(store, bench.epoch(), bench.uuid(), parts);
      const [first, second] = segments;
      if (first === undefined || second === undefined) throw new Error('nothing was saved');
      await store.lease(TAKEN);
      await store.offer('tab', { upTo: first.position, isRaised: true });
      expect(await store.cancel({ stream: second.stream, number: 1 })).toMatchObject({
        outcome: 'asked',
        skips: [{ isFinal: false }, { isFinal: false }],
      });
    }));

  test('when its messages expire stands in the key of a segment, and so in no body', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      const epoch = bench.epoch();
      const drafts = [draftOf([bench.message()]), { ...draftOf([bench.message()]), expiresInMs: 1500 }];
      const { segments } = await saveDrafts(store, epoch, bench.uuid(), drafts);
      expect(segments.map(({ expiresInMs }) => expiresInMs)).toEqual([undefined, 1500]);
      for (const handle of [store, await bench.open()])
        expect(await handle.listSegments({ after: 0 })).toEqual(segments);
    }));
}

type Three<Item> = readonly [Item, Item, Item];

/** One segment of three messages. */
async function saveThree(
  bench: OutboxBench,
  store: OutboxStore,
): Promise<{
  readonly places: Three<MessagePlace>;
  readonly ids: Three<MessageId>;
  readonly position: number;
}> {
  const messages = [bench.message(), bench.message(), bench.message()] as const;
  const { segments } = await saveDrafts(store, bench.epoch(), bench.uuid(), [draftOf(messages)]);
  const [key] = segments;
  if (key === undefined) throw new Error('nothing was saved');
  const { stream, position } = key;
  const [one, two, three] = messages;
  return {
    places: [
      { stream, number: 1 },
      { stream, number: 2 },
      { stream, number: 3 },
    ],
    ids: [one.id, two.id, three.id],
    position,
  };
}
