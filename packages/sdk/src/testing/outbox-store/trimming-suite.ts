import type { EpochId } from '@fieldpost/protocol';
import { expect, test } from 'vitest';
import type { OutboxStore } from '../../ports/outbox-store.ts';
import { draftOf, numbersOf, type OutboxBench, saveDrafts } from './outbox-place.ts';
import type { WithBench } from './with-bench.ts';

const YOUNG = { savedBefore: 0, keepBytes: 1e9 };
const ALL = { savedBefore: Number.MAX_SAFE_INTEGER, keepBytes: 0 };

/** What trim removes, and what it leaves. */
export function trimmingSuite(withBench: WithBench): void {
  test('unsettled segments are never removed', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      const positions = await saveFive(bench, store, bench.epoch());
      expect(await store.trim(ALL)).toBe(0);
      await settleUpTo(store, positions[1]);
      expect(await store.trim(ALL)).toBe(2);
      const left = await store.listSegments({ after: 0 });
      expect(left.map(({ position }) => position)).toEqual(positions.slice(2));
      expect(await store.trim(ALL)).toBe(0);
    }));

  test('settled segments stay while they are young and small enough', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      const positions = await saveFive(bench, store, bench.epoch());
      const [{ bytes } = { bytes: 0 }] = await store.listSegments({ after: 0 });
      await settleUpTo(store, positions[3]);
      expect(await store.trim(YOUNG)).toBe(0);
      expect(await store.trim({ savedBefore: 102, keepBytes: 1e9 })).toBe(1);
      expect(await store.trim({ savedBefore: 0, keepBytes: 2 * bytes })).toBe(1);
      expect(await store.trim({ savedBefore: 104, keepBytes: 1e9 })).toBe(1);
      expect(await store.trim({ savedBefore: 0, keepBytes: 0 })).toBe(1);
    }));

  test('what is removed is not found, and its supplied ids are free', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      const message = bench.message();
      const draft = draftOf([message], { suppliedIds: [message.id] });
      const { segments } = await saveDrafts(store, bench.epoch(), bench.uuid(), [draft]);
      await settleUpTo(store, segments[0]?.position);
      await store.trim(ALL);
      expect(await store.find(message.id)).toBeUndefined();
      expect((await saveDrafts(store, bench.epoch(), bench.uuid(), [draft])).outcome).toBe('written');
    }));

  test('an epoch goes on with its numbers, and the log with its positions, when all is trimmed', () =>
    withBench(async (bench) => {
      const epoch = bench.epoch();
      const store = await bench.open();
      const positions = await saveFive(bench, store, epoch);
      await settleUpTo(store, positions[4]);
      expect(await store.trim({ savedBefore: 0, keepBytes: 0 })).toBe(5);
      for (const [index, handle] of [store, await bench.open()].entries()) {
        const { segments } = await saveDrafts(handle, epoch, bench.uuid(), [draftOf([bench.message()])], {
          '3orders': 5 + index,
        });
        expect(numbersOf(segments)).toEqual([`${6 + index}`]);
        expect(segments[0]?.position).toBeGreaterThan(positions[4] ?? 0);
      }
    }));

  test('an epoch goes on with its numbers when its beginning is trimmed', () =>
    withBench(async (bench) => {
      const epoch = bench.epoch();
      const store = await bench.open();
      const positions = await saveFive(bench, store, epoch);
      const visits = draftOf([bench.message()], { queue: 'visits' });
      await saveDrafts(store, epoch, bench.uuid(), [visits]);
      await settleUpTo(store, positions[2]);
      expect(await store.trim({ savedBefore: 0, keepBytes: 0 })).toBe(3);
      const drafts = [draftOf([bench.message()]), draftOf([bench.message()], { queue: 'visits' })];
      const saved = await saveDrafts(await bench.open(), epoch, bench.uuid(), drafts);
      expect(numbersOf(saved.segments)).toEqual(['6', '2']);
    }));

  test('the marks of epochs that still have segments stay', () =>
    withBench(async (bench) => {
      const [old, current] = [bench.epoch(), bench.epoch()];
      const store = await bench.open();
      const positions = await saveFive(bench, store, old);
      await saveDrafts(store, current, bench.uuid(), [draftOf([bench.message()])]);
      await store.lease({ holder: 'tab', until: 2000, now: 1000 });
      const mark = (epoch: EpochId, acknowledged: number) => ({
        stream: { epoch, queue: 'orders', priority: 3 },
        acknowledged,
        acknowledgedId: bench.message().id,
      });
      const kept = mark(current, 1);
      await store.settle('tab', { marks: [mark(old, 5), kept], settledUpTo: positions[4] ?? 0 });
      expect(await store.trim({ savedBefore: 1_000_000, keepBytes: 0 })).toBe(5);
      expect((await store.readLog()).streams).toContainEqual(kept);
    }));
}

/** Five segments of one message, saved at 101 to 105. */
async function saveFive(bench: OutboxBench, store: OutboxStore, epoch: EpochId): Promise<readonly number[]> {
  const positions: number[] = [];
  for (const savedAt of [101, 102, 103, 104, 105]) {
    const { segments } = await saveDrafts(store, epoch, bench.uuid(), [
      draftOf([bench.message()], { savedAt }),
    ]);
    positions.push(...segments.map(({ position }) => position));
  }
  return positions;
}

async function settleUpTo(store: OutboxStore, position: number | undefined): Promise<void> {
  await store.lease({ holder: 'tab', until: 2000, now: 1000 });
  expect(await store.settle('tab', { settledUpTo: position ?? 0 })).toBe(true);
}
