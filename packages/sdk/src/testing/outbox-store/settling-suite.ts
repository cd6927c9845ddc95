import type { GenerationId, SessionNonce } from '@fieldpost/protocol';
import { expect, test } from 'vitest';
import type { DeadLetter } from '../../ports/outbox-store.ts';
import { letterOf } from './letter-of.ts';
import { draftOf, saveDrafts } from './outbox-place.ts';
import type { WithBench } from './with-bench.ts';

const TAKEN = { holder: 'tab', until: 2000, now: 1000 };

/** Settling, the lease, dead letters. */
export function settlingSuite(withBench: WithBench): void {
  test('a new log has nothing settled', () =>
    withBench(async (bench) => {
      const store = bench.handle();
      const device = bench.device();
      await store.open({ device, marker: undefined });
      expect(await store.readLog()).toEqual({
        device,
        streams: [],
        fates: [],
        settledUpTo: 0,
        offered: 0,
        skips: [],
        session: undefined,
        generation: undefined,
        reopenings: 0,
        contacts: [],
      });
    }));

  test('the holder of the lease writes down all parts of a settlement, and later ones change only their own', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      const stream = { epoch: bench.epoch(), queue: 'orders', priority: 3 };
      const mark = { stream, acknowledged: 4, acknowledgedId: bench.message().id };
      const session = { number: 3, nonce: '0123456789abcdef' as SessionNonce };
      const generation = bench.uuid() as GenerationId;
      const contacts = [{ upTo: 2, timeMs: 1_700_000_000_000 }];
      const all = { settledUpTo: 2, session, generation, contacts };
      await store.lease(TAKEN);
      expect(await store.settle('tab', { marks: [mark], ...all })).toBe(true);
      expect(await store.readLog()).toMatchObject({ streams: [mark], ...all });
      expect(await store.settle('tab', { settledUpTo: 5 })).toBe(true);
      const later = { ...mark, acknowledged: 6 };
      expect(await store.settle('tab', { marks: [later] })).toBe(true);
      expect(await store.readLog()).toMatchObject({ ...all, streams: [later], settledUpTo: 5 });
    }));

  test('who does not hold the lease settles nothing', () =>
    withBench(async (bench) => {
      const [one, two] = [await bench.open(), await bench.open()];
      expect(await one.settle('one', { settledUpTo: 1 })).toBe(false);
      await one.lease({ ...TAKEN, holder: 'one' });
      await two.lease({ holder: 'two', until: 4000, now: 3000 });
      const letter = letterOf(bench);
      expect(await one.settle('one', { settledUpTo: 1, deadLetters: [letter] })).toBe(false);
      expect(await one.readLog()).toMatchObject({ settledUpTo: 0 });
      expect(await one.listDeadLetters()).toEqual([]);
      expect(await two.settle('two', { settledUpTo: 1 })).toBe(true);
    }));

  test('a lease is taken once, renewed by its holder, and free when it has ended or was given up', () =>
    withBench(async (bench) => {
      const [one, two] = [await bench.open(), await bench.open()];
      const held = { holder: 'one', until: 2000 };
      expect(await one.lease({ ...held, now: 1000 })).toEqual(held);
      expect(await two.lease({ holder: 'two', until: 2500, now: 1500 })).toEqual(held);
      const renewed = { holder: 'one', until: 2900 };
      expect(await one.lease({ ...renewed, now: 1900 })).toEqual(renewed);
      expect(await two.lease({ holder: 'two', until: 3000, now: 2000 })).toEqual(renewed);
      const taken = { holder: 'two', until: 3900 };
      expect(await two.lease({ ...taken, now: 2900 })).toEqual(taken);
      expect(await one.lease({ holder: 'one', until: 0, now: 3000 })).toEqual(taken);
      expect(await two.lease({ holder: 'two', until: 0, now: 3000 })).toBeUndefined();
      const next = { holder: 'one', until: 4100 };
      expect(await one.lease({ ...next, now: 3100 })).toEqual(next);
    }));

  test('of twenty that ask for the lease at once, one gets it', () =>
    withBench(async (bench) => {
      const stores = await Promise.all(Array.from({ length: 20 }, () => bench.open()));
      const held = await Promise.all(
        stores.map((store, index) => store.lease({ ...TAKEN, holder: `tab ${index}` })),
      );
      expect(new Set(held.map((lease) => lease?.holder)).size).toBe(1);
    }));

  test('a lease taken before the clock went back a year keeps nobody waiting', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      const yearMs = 365 * 86_400_000;
      await store.lease({ holder: 'old', until: yearMs + 15_000, now: yearMs });
      const taken = { holder: 'new', until: 16_000 };
      expect(await store.lease({ ...taken, now: 1000 })).toEqual(taken);
    }));

  test('dead letters are listed in the order of being set aside, the same one once', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      const [one, two, three] = [letterOf(bench), letterOf(bench), letterOf(bench)];
      await store.lease(TAKEN);
      await store.settle('tab', { deadLetters: [two, one] });
      const changed: DeadLetter = { ...two, state: 'in-doubt', code: 'in-doubt', message: undefined };
      await store.settle('tab', { deadLetters: [three, changed] });
      expect(await store.listDeadLetters()).toEqual([changed, one, three]);
    }));

  test('a dead letter is found by its id until it is discarded', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      const letter = letterOf(bench);
      await store.lease(TAKEN);
      await store.settle('tab', { deadLetters: [letter] });
      expect(await store.find(letter.id)).toMatchObject({ number: letter.number, deadLetter: letter });
      expect(await store.discardDeadLetter(letter.id)).toBe(true);
      expect(await store.discardDeadLetter(letter.id)).toBe(false);
      expect(await store.find(letter.id)).toBeUndefined();
      expect(await store.listDeadLetters()).toEqual([]);
    }));

  test('a supplied id that is a dead letter is still known', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      const letter = letterOf(bench);
      await store.lease(TAKEN);
      await store.settle('tab', { deadLetters: [letter] });
      const draft = draftOf([{ ...bench.message(), id: letter.id }], { suppliedIds: [letter.id] });
      const saved = await saveDrafts(store, bench.epoch(), bench.uuid(), [draft]);
      expect(saved).toEqual({ outcome: 'repeated', segments: [], repeated: [letter.id] });
    }));
}
