import { expect, test } from 'vitest';
import { letterOf } from './letter-of.ts';
import { draftOf, saveDrafts } from './outbox-place.ts';
import type { WithBench } from './with-bench.ts';

/** Opening, several handles on one place, closing. */
export function openingSuite(withBench: WithBench): void {
  test('a new place takes the device id that it is given', () =>
    withBench(async (bench) => {
      const device = bench.device();
      expect(await bench.handle().open({ device, marker: undefined })).toEqual({
        device,
        condition: 'created',
      });
    }));

  test('a place that is there keeps its device id', () =>
    withBench(async (bench) => {
      const device = bench.device();
      await bench.handle().open({ device, marker: undefined });
      for (const marker of [undefined, device]) {
        const opened = await bench.handle().open({ device: bench.device(), marker });
        expect(opened).toEqual({ device, condition: 'opened' });
      }
    }));

  test('a place that is empty although the marker knows one is reported lost', () =>
    withBench(async (bench) => {
      const device = bench.device();
      const marker = bench.device();
      expect(await bench.handle().open({ device, marker })).toEqual({ device, condition: 'lost' });
    }));

  test('a place that is empty is lost for a marker of the same id, too', () =>
    withBench(async (bench) => {
      const device = bench.device();
      expect(await bench.handle().open({ device, marker: device })).toEqual({ device, condition: 'lost' });
    }));

  test('a place of another device than the marker knows is reported lost', () =>
    withBench(async (bench) => {
      const device = bench.device();
      await bench.handle().open({ device, marker: undefined });
      const opened = await bench.handle().open({ device: bench.device(), marker: bench.device() });
      expect(opened).toEqual({ device, condition: 'lost' });
    }));

  test('a reopened store has all that was saved, settled and set aside', () =>
    withBench(async (bench) => {
      const first = await bench.open();
      const epoch = bench.epoch();
      const [message, refused] = [bench.message(), bench.message()];
      const saved = await saveDrafts(first, epoch, bench.uuid(), [draftOf([refused, message])]);
      const mark = {
        stream: { epoch, queue: 'orders', priority: 3 },
        acknowledged: 1,
        acknowledgedId: refused.id,
      };
      await first.lease({ holder: 'tab', until: 2000, now: 1000 });
      const letter = letterOf(bench, {
        id: refused.id,
        stream: { epoch, queue: 'orders', priority: 3 },
        number: 1,
        code: 'too-large',
      });
      await first.settle('tab', { marks: [mark], deadLetters: [letter], settledUpTo: 1 });
      await first.close();

      const second = await bench.open();
      expect(await second.listSegments({ after: 0 })).toEqual(saved.segments);
      expect(await second.readLog()).toMatchObject({ streams: [mark], settledUpTo: 1 });
      expect(await second.listDeadLetters()).toEqual([letter]);
      expect(await second.find(message.id)).toMatchObject({ number: 2, acknowledged: false });
    }));

  test('what one handle writes another one sees', () =>
    withBench(async (bench) => {
      const [one, two] = [await bench.open(), await bench.open()];
      const saved = await saveDrafts(one, bench.epoch(), bench.uuid(), [draftOf([bench.message()])]);
      expect(await two.listSegments({ after: 0 })).toEqual(saved.segments);
    }));

  test('every call after close is rejected with closed', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      await store.close();
      const closed = { code: 'closed' };
      const epoch = bench.epoch();
      await expect(
        saveDrafts(store, epoch, bench.uuid(), [draftOf([bench.message()])]),
      ).rejects.toMatchObject(closed);
      await expect(store.open({ device: bench.device(), marker: undefined })).rejects.toMatchObject(closed);
      await expect(store.readLog()).rejects.toMatchObject(closed);
      await expect(store.loadSegments({ after: 0, bytesMax: 1 })).rejects.toMatchObject(closed);
      await expect(store.listSegments({ after: 0 })).rejects.toMatchObject(closed);
      await expect(store.settle('tab', {})).rejects.toMatchObject(closed);
      await expect(store.trim({ savedBefore: 0, keepBytes: 0 })).rejects.toMatchObject(closed);
      await expect(store.lease({ holder: 'tab', until: 2, now: 1 })).rejects.toMatchObject(closed);
      await expect(store.find(bench.message().id)).rejects.toMatchObject(closed);
      await expect(store.listDeadLetters()).rejects.toMatchObject(closed);
      await expect(store.discardDeadLetter(bench.message().id)).rejects.toMatchObject(closed);
      await store.close();
    }));

  test('close lets running saves end', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      const epoch = bench.epoch();
      const saves = [1, 2, 3].map(() => saveDrafts(store, epoch, bench.uuid(), [draftOf([bench.message()])]));
      await store.close();
      expect((await Promise.all(saves)).map(({ outcome }) => outcome)).toEqual([
        'written',
        'written',
        'written',
      ]);
      expect(await (await bench.open()).listSegments({ after: 0 })).toHaveLength(3);
    }));
}
