import { expect, test } from 'vitest';
import { draftOf, saveDrafts } from './outbox-place.ts';
import type { WithBench } from './with-bench.ts';

/** Loading, listing, finding, damaged content. */
export function readingSuite(withBench: WithBench): void {
  test('segments are loaded oldest first, after a position, within a size but at least one', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      const epoch = bench.epoch();
      const sizes: number[] = [];
      const positions: number[] = [];
      for (let index = 0; index < 5; index++) {
        const { segments } = await saveDrafts(store, epoch, bench.uuid(), [draftOf([bench.message(1000)])]);
        for (const { bytes, position } of segments) {
          sizes.push(bytes);
          positions.push(position);
        }
      }
      const load = async (after: number, bytesMax: number): Promise<readonly number[]> =>
        (await store.loadSegments({ after, bytesMax })).map(({ position }) => position);
      const [size = 0] = sizes;
      expect(await load(0, 1e9)).toEqual(positions);
      expect(await load(0, 1)).toEqual(positions.slice(0, 1));
      expect(await load(0, 2 * size)).toEqual(positions.slice(0, 2));
      expect(await load(positions[1] ?? 0, 2 * size + 1)).toEqual(positions.slice(2, 4));
      expect(await load(positions[4] ?? 0, 1e9)).toEqual([]);
      expect(await store.listSegments({ after: positions[3] ?? 0 })).toHaveLength(1);
    }));

  test('a message is found by its id, supplied or not, wherever it stands', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      const epoch = bench.epoch();
      const messages = Array.from({ length: 6 }, () => bench.message());
      const [, second, , , , last] = messages;
      if (second === undefined || last === undefined) throw new Error('no message');
      await saveDrafts(store, epoch, bench.uuid(), [draftOf(messages.slice(0, 3), { savedAt: 7 })]);
      const supplied = draftOf(messages.slice(3), { queue: 'visits', suppliedIds: [last.id] });
      await saveDrafts(store, epoch, bench.uuid(), [supplied]);
      expect(await store.find(second.id)).toMatchObject({
        stream: { epoch, queue: 'orders', priority: 3 },
        number: 2,
        savedAt: 7,
        acknowledged: false,
        deadLetter: undefined,
      });
      const found = await store.find(last.id);
      expect(found).toMatchObject({ stream: { queue: 'visits' }, number: 3 });
      expect(found?.message?.slice(18)).toEqual(last.body);
      expect(await store.find(bench.message().id)).toBeUndefined();
    }));

  test('a found message tells whether its stream is acknowledged that far', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      const epoch = bench.epoch();
      const [one, two] = [bench.message(), bench.message()];
      await saveDrafts(store, epoch, bench.uuid(), [draftOf([one, two])]);
      await store.lease({ holder: 'tab', until: 2000, now: 1000 });
      const stream = { epoch, queue: 'orders', priority: 3 };
      await store.settle('tab', { marks: [{ stream, acknowledged: 1, acknowledgedId: one.id }] });
      expect(await store.find(one.id)).toMatchObject({ acknowledged: true });
      expect(await store.find(two.id)).toMatchObject({ acknowledged: false });
    }));

  test('a supplied id leads to its damaged copy, and tells whether that is acknowledged', (context) =>
    withBench(async (bench) => {
      const { place } = bench;
      if (place.damage === undefined) return context.skip();
      const store = await bench.open();
      const epoch = bench.epoch();
      const messages = [bench.message(), bench.message()];
      const positions: number[] = [];
      for (const message of messages) {
        const draft = draftOf([message], { savedAt: 7, suppliedIds: [message.id] });
        const { segments } = await saveDrafts(store, epoch, bench.uuid(), [draft]);
        positions.push(...segments.map(({ position }) => position));
      }
      const stream = { epoch, queue: 'orders', priority: 3 };
      await store.lease({ holder: 'tab', until: 2000, now: 1000 });
      const mark = { stream, acknowledged: 1, acknowledgedId: bench.message().id };
      await store.settle('tab', { marks: [mark] });
      for (const position of positions) await place.damage(position);
      for (const [index, { id }] of messages.entries()) {
        expect(await (await bench.open()).find(id)).toEqual({
          stream,
          number: index + 1,
          savedAt: 7,
          message: undefined,
          acknowledged: index === 0,
          deadLetter: undefined,
        });
      }
    }));

  test('a damaged segment comes without messages, between others that are well', (context) =>
    withBench(async (bench) => {
      const { damage } = bench.place;
      if (damage === undefined) return context.skip();
      const store = await bench.open();
      const drafts = Array.from({ length: 3 }, () => draftOf([bench.message(), bench.message()]));
      const { segments } = await saveDrafts(store, bench.epoch(), bench.uuid(), drafts);
      await damage(segments[1]?.position ?? 0);
      const loaded = await store.loadSegments({ after: 0, bytesMax: 1e9 });
      expect(loaded.map(({ messages }) => messages)).toEqual([
        drafts[0]?.messages,
        undefined,
        drafts[2]?.messages,
      ]);
      expect(await store.listSegments({ after: 0 })).toEqual(segments);
    }));
}
