import type { GenerationId, SessionNonce } from '@fieldpost/protocol';
import { expect, test } from 'vitest';
import { draftOf, saveDrafts } from './outbox-place.ts';
import type { WithBench } from './with-bench.ts';

const TAKEN = { holder: 'tab', until: 2000, now: 1000 };

/** Another id for a device whose data is in use in several copies. */
export function renewingSuite(withBench: WithBench): void {
  test('the device has another id and no session; all else stays', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      const epoch = bench.epoch();
      const stream = { epoch, queue: 'orders', priority: 3 };
      const mark = { stream, acknowledged: 1, acknowledgedId: bench.message().id };
      const generation = bench.uuid() as GenerationId;
      await saveDrafts(store, epoch, bench.uuid(), [draftOf([bench.message(), bench.message()])]);
      await store.lease(TAKEN);
      const session = { number: 3, nonce: '0123456789abcdef' as SessionNonce };
      await store.settle('tab', { marks: [mark], settledUpTo: 0, session, generation });
      const before = await store.readLog();
      const segments = await store.listSegments({ after: 0 });
      const [from, to] = [before.device ?? bench.device(), bench.device()];
      expect(await store.renewDevice({ from, to })).toBe(to);
      for (const handle of [store, await bench.open()]) {
        expect(await handle.readLog()).toEqual({ ...before, device: to, session: undefined });
        expect(await handle.listSegments({ after: 0 })).toEqual(segments);
      }
    }));

  test('of two tabs that renew the same id, the second one gets what the first one took', () =>
    withBench(async (bench) => {
      const [one, two] = [await bench.open(), await bench.open()];
      const from = (await one.readLog()).device ?? bench.device();
      const [first, second] = [bench.device(), bench.device()];
      const ids = await Promise.all([
        one.renewDevice({ from, to: first }),
        two.renewDevice({ from, to: second }),
      ]);
      expect(new Set(ids).size).toBe(1);
      expect([first, second]).toContain(ids[0]);
      expect((await two.readLog()).device).toBe(ids[0]);
    }));

  test('who renews an id that is no longer in use takes away no session', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      const from = (await store.readLog()).device ?? bench.device();
      const to = await store.renewDevice({ from, to: bench.device() });
      await store.lease(TAKEN);
      const session = { number: 1, nonce: '0123456789abcdef' as SessionNonce };
      await store.settle('tab', { session });
      expect(await store.renewDevice({ from, to: bench.device() })).toBe(to);
      expect(await store.readLog()).toMatchObject({ device: to, session });
    }));

  test('a handle that knows the device by its old id goes on saving', () =>
    withBench(async (bench) => {
      const [one, two] = [await bench.open(), await bench.open()];
      const epoch = bench.epoch();
      await saveDrafts(two, epoch, bench.uuid(), [draftOf([bench.message()])]);
      const from = (await one.readLog()).device ?? bench.device();
      await one.renewDevice({ from, to: bench.device() });
      const saved = await saveDrafts(two, epoch, bench.uuid(), [draftOf([bench.message()])], {
        '3orders': 1,
      });
      expect(saved.outcome).toBe('written');
    }));

  test('a marker of an id that the device had is no sign of a loss: the page ended before it could be written', () =>
    withBench(async (bench) => {
      const store = await bench.open();
      const first = (await store.readLog()).device ?? bench.device();
      const second = await store.renewDevice({ from: first, to: bench.device() });
      const third = await store.renewDevice({ from: second, to: bench.device() });
      for (const marker of [first, second, third, undefined]) {
        const opened = await bench.handle().open({ device: bench.device(), marker });
        expect(opened).toEqual({ device: third, condition: 'opened' });
      }
      const stranger = await bench.handle().open({ device: bench.device(), marker: bench.device() });
      expect(stranger).toEqual({ device: third, condition: 'lost' });
    }));
}
