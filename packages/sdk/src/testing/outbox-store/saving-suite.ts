import { expect, test } from 'vitest';
import { laneText } from '../../core/lane.ts';
import type { EpochTail } from '../../ports/outbox-store.ts';
import { draftOf, numbersOf, saveDrafts } from './outbox-place.ts';
import type { WithBench } from './with-bench.ts';

/** Numbers, log positions, repeated writes, supplied ids. */
export function savingSuite(withBench: WithBench): void {
  test('the first save of an epoch finds no tail, the second the numbers of the first', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      const epoch = bench.epoch();
      const tails: (EpochTail | undefined)[] = [];
      const writes = [bench.uuid(), bench.uuid()];
      for (const write of writes) {
        const draft = draftOf([bench.message(), bench.message()]);
        await store.save(epoch, (tail) => {
          tails.push(tail);
          const first = (tail?.lanes[laneText(draft.lane)] ?? 0) + 1;
          return { type: 'write', write, segments: [{ ...draft, stream: { epoch, ...draft.lane }, first }] };
        });
      }
      expect(tails[0]).toBeUndefined();
      expect(tails.at(-1)).toMatchObject({ epoch, lanes: { '3orders': 2 } });
      expect(tails.at(-1)?.writes.map(({ write }) => write)).toEqual([writes[0]]);
    }));

  test('positions follow the order of saving over all lanes, epochs and handles', () =>
    withBench(async (bench) => {
      const stores = [await bench.open(), await bench.open()];
      const epochs = [bench.epoch(), bench.epoch()];
      const positions: number[] = [];
      for (let round = 0; round < 6; round++) {
        const store = stores[round % 2];
        const epoch = epochs[round % 2];
        if (store === undefined || epoch === undefined) throw new Error('no store');
        const drafts = [
          draftOf([bench.message()]),
          draftOf([bench.message()], { queue: 'visits', priority: 6 }),
        ];
        const { segments } = await saveDrafts(store, epoch, bench.uuid(), drafts);
        positions.push(...segments.map(({ position }) => position));
      }
      expect(positions).toHaveLength(12);
      expect(positions).toEqual([...positions].sort((a, b) => a - b));
      expect(new Set(positions).size).toBe(12);
    }));

  test('a segment comes back as it was saved', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      const epoch = bench.epoch();
      const draft = draftOf([bench.message(), bench.message(0), bench.message(5000)], {
        priority: 0,
        savedAt: -5,
      });
      const { segments } = await saveDrafts(store, epoch, bench.uuid(), [draft]);
      const [loaded] = await store.loadSegments({ after: 0, bytesMax: 1 });
      expect(loaded).toEqual({
        position: segments[0]?.position,
        stream: { epoch, queue: 'orders', priority: 0 },
        first: 1,
        count: 3,
        bytes: draft.messages.length,
        savedAt: -5,
        messages: draft.messages,
      });
    }));

  test('messages that are a view on a larger buffer are saved alone', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      const draft = draftOf([bench.message()]);
      const larger = new Uint8Array(draft.messages.length + 200).fill(9);
      larger.set(draft.messages, 100);
      const view = larger.subarray(100, 100 + draft.messages.length);
      await saveDrafts(store, bench.epoch(), bench.uuid(), [{ ...draft, messages: view }]);
      larger.fill(7);
      const [loaded] = await store.loadSegments({ after: 0, bytesMax: 1 });
      expect(loaded?.messages).toEqual(draft.messages);
    }));

  test('the same write again is found, by any handle, and written once', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      const epoch = bench.epoch();
      const write = bench.uuid();
      const drafts = [draftOf([bench.message()]), draftOf([bench.message()], { queue: 'visits' })];
      const first = await saveDrafts(store, epoch, write, drafts);
      for (const other of [store, await bench.open()]) {
        expect(await saveDrafts(other, epoch, write, drafts)).toEqual({ ...first, outcome: 'found' });
      }
      expect(await store.listSegments({ after: 0 })).toEqual(first.segments);
    }));

  test('a decision that the disk has gone back writes nothing', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      const drafts = [draftOf([bench.message()])];
      const saved = await saveDrafts(store, bench.epoch(), bench.uuid(), drafts, { '3orders': 5 });
      expect(saved).toEqual({ outcome: 'rolled-back', segments: [] });
      expect(await store.listSegments({ after: 0 })).toEqual([]);
    }));

  test('a decide that throws writes nothing, passes its error on and takes no number', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      const epoch = bench.epoch();
      const failure = new Error('no');
      const throwing = (): Promise<unknown> =>
        store.save(epoch, () => {
          throw failure;
        });
      await expect(throwing()).rejects.toBe(failure);
      await saveDrafts(store, epoch, bench.uuid(), [draftOf([bench.message()])]);
      await expect(throwing()).rejects.toBe(failure);
      const { segments } = await saveDrafts(store, epoch, bench.uuid(), [draftOf([bench.message()])]);
      expect(numbersOf(segments)).toEqual(['2']);
    }));

  test.each([1, 2, 3, 4, 5])(
    'number %i of five concurrent saves aborts: the others have no gap',
    (aborting) =>
      withBench(async (bench) => {
        const store = await bench.open();
        const epoch = bench.epoch();
        const saves = [1, 2, 3, 4, 5].map((save) =>
          save === aborting
            ? store.save(epoch, () => {
                throw new Error('abort');
              })
            : saveDrafts(store, epoch, bench.uuid(), [draftOf([bench.message(), bench.message()])]),
        );
        const outcomes = await Promise.allSettled(saves);
        expect(outcomes.map(({ status }) => status === 'rejected')).toEqual(
          [1, 2, 3, 4, 5].map((save) => save === aborting),
        );
        expect(numbersOf(await store.listSegments({ after: 0 }))).toEqual(['1-2', '3-4', '5-6', '7-8']);
      }),
  );

  test('concurrent saves are numbered and logged in the order of the calls', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      const epoch = bench.epoch();
      const drafts = Array.from({ length: 20 }, () => draftOf([bench.message()]));
      const saved = await Promise.all(drafts.map((draft) => saveDrafts(store, epoch, bench.uuid(), [draft])));
      expect(saved.flatMap(({ segments }) => numbersOf(segments))).toEqual(
        drafts.map((_, index) => `${index + 1}`),
      );
      const loaded = await store.loadSegments({ after: 0, bytesMax: 1e9 });
      expect(loaded.map(({ messages }) => messages)).toEqual(drafts.map(({ messages }) => messages));
    }));

  test('twenty handles that save in one epoch at once share its numbers', () =>
    withBench(async (bench) => {
      const epoch = bench.epoch();
      const stores = await Promise.all(Array.from({ length: 20 }, () => bench.open()));
      await Promise.all(
        stores.flatMap((store) =>
          [1, 2].map(() =>
            saveDrafts(store, epoch, bench.uuid(), [draftOf([bench.message(), bench.message()])]),
          ),
        ),
      );
      const segments = await stores[0]?.listSegments({ after: 0 });
      expect(numbersOf(segments ?? [])).toEqual(
        Array.from({ length: 40 }, (_, index) => `${2 * index + 1}-${2 * index + 2}`),
      );
    }));

  test('a save with a supplied id that is known writes nothing and names it', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      const epoch = bench.epoch();
      const [one, two, three] = [bench.message(), bench.message(), bench.message()];
      const both = draftOf([one, two], { suppliedIds: [one.id, two.id] });
      expect((await saveDrafts(store, epoch, bench.uuid(), [both])).outcome).toBe('written');
      const again = draftOf([three, two], { suppliedIds: [three.id, two.id] });
      for (const other of [store, await bench.open()]) {
        const saved = await saveDrafts(other, bench.epoch(), bench.uuid(), [
          draftOf([bench.message()]),
          again,
        ]);
        expect(saved).toEqual({ outcome: 'repeated', segments: [], repeated: [two.id] });
      }
      expect(await store.listSegments({ after: 0 })).toHaveLength(1);
      const alone = draftOf([three], { suppliedIds: [three.id] });
      expect((await saveDrafts(store, epoch, bench.uuid(), [alone])).outcome).toBe('written');
    }));

  test('of twenty handles that save one supplied id at once, one writes', () =>
    withBench(async (bench) => {
      const message = bench.message();
      const stores = await Promise.all(Array.from({ length: 20 }, () => bench.open()));
      const saved = await Promise.all(
        stores.map((store) =>
          saveDrafts(store, bench.epoch(), bench.uuid(), [draftOf([message], { suppliedIds: [message.id] })]),
        ),
      );
      expect(saved.filter(({ outcome }) => outcome === 'written')).toHaveLength(1);
      expect(saved.filter(({ outcome }) => outcome === 'repeated')).toHaveLength(19);
    }));
}
