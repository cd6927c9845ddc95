import type { EpochId, GenerationId, MessageId, SessionNonce } from '@fieldpost/protocol';
import { uuidFromBytes } from '@fieldpost/protocol';
import { expect, test } from 'vitest';
import type { OutboxStore, ReopenedStream, Reopening, StreamMark } from '../../ports/outbox-store.ts';
import { letterOf } from './letter-of.ts';
import { draftOf, type OutboxBench, saveDrafts } from './outbox-place.ts';
import type { WithBench } from './with-bench.ts';

const TAKEN = { holder: 'tab', until: 2000, now: 1000 };
const NOBODYS_ID = uuidFromBytes(new Uint8Array(16)) as MessageId;
const ALL = { savedBefore: Number.MAX_SAFE_INTEGER, keepBytes: 0 };

/** Taking back what was settled, when the gateway's store went back in time. */
export function reopeningSuite(withBench: WithBench): void {
  test('marks go down to what the gateway holds, remember how high they were, and the log is open from there', () =>
    withBench(async (bench) => {
      const { store, mark, positions, before } = await settledFive(bench);
      const request = reopeningOf(bench, { stream: mark.stream, accepted: 2, lost: [] });
      expect(await store.reopen('tab', request)).toEqual({ held: true, reopened: 1 });
      for (const handle of [store, await bench.open()]) {
        expect(await handle.readLog()).toMatchObject({
          streams: [
            {
              stream: mark.stream,
              acknowledged: 2,
              acknowledgedId: request.streams[0]?.acceptedId,
              reopened: { upTo: 5, generation: before },
            },
          ],
          settledUpTo: positions[1],
          session: request.session,
          generation: request.generation,
          reopenings: 1,
        });
      }
    }));

  test('the log is open from the first of the messages on, whichever stream it is of', () =>
    withBench(async (bench) => {
      const { store, mark, positions } = await settledFive(bench);
      const epoch = bench.epoch();
      const [late] = await save(bench, store, epoch, 1);
      const other = markOf(bench, epoch, 1);
      await store.settle('tab', { marks: [other], settledUpTo: late ?? 0 });
      const forgotten: ReopenedStream[] = [
        { stream: other.stream, accepted: 0, acceptedId: undefined, lost: [] },
        { stream: mark.stream, accepted: 4, acceptedId: bench.message().id, lost: [] },
      ];
      const request = { ...reopeningOf(bench), streams: forgotten };
      expect(await store.reopen('tab', request)).toEqual({ held: true, reopened: 2 });
      const log = await store.readLog();
      expect(log.settledUpTo).toBe(positions[3]);
      const lowered = new Map(log.streams.map(({ stream, ...rest }) => [stream.epoch, rest]));
      expect(lowered.get(epoch)).toMatchObject({ acknowledged: 0, acknowledgedId: NOBODYS_ID });
      expect(lowered.get(mark.stream.epoch)).toMatchObject({ acknowledged: 4 });
    }));

  test('who does not hold the lease takes nothing back', () =>
    withBench(async (bench) => {
      const { store, mark } = await settledFive(bench);
      const before = await store.readLog();
      const request = reopeningOf(bench, { stream: mark.stream, accepted: 2, lost: [] });
      expect(await (await bench.open()).reopen('another tab', request)).toEqual({ held: false, reopened: 0 });
      expect(await store.readLog()).toEqual(before);
    }));

  test('what the gateway has is not taken back, and neither is a stream that nothing is known of', () =>
    withBench(async (bench) => {
      const { store, mark, positions } = await settledFive(bench);
      const unknown = { epoch: bench.epoch(), queue: 'orders', priority: 3 };
      const request = {
        ...reopeningOf(bench),
        streams: [
          { stream: mark.stream, accepted: 5, acceptedId: mark.acknowledgedId, lost: [] },
          { stream: unknown, accepted: 0, acceptedId: undefined, lost: [] },
        ],
      };
      expect(await store.reopen('tab', request)).toEqual({ held: true, reopened: 0 });
      const log = await store.readLog();
      expect(log).toMatchObject({ streams: [mark], settledUpTo: positions[4], reopenings: 0 });
      expect(log).toMatchObject({ session: request.session, generation: request.generation });
    }));

  test('of a lost range, the mark goes down before what the log still has, and to nothing that it has no more', () =>
    withBench(async (bench) => {
      const { store, mark, positions } = await settledFive(bench);
      await store.settle('tab', { settledUpTo: positions[1] ?? 0 });
      // Numbers 1 and 2 are in the log no more.
      await store.trim({ savedBefore: 103, keepBytes: 1e9 });
      await store.settle('tab', { settledUpTo: positions[4] ?? 0 });
      const gone = { stream: mark.stream, accepted: 5, lost: [{ first: 1, last: 2 }] };
      expect(await store.reopen('tab', reopeningOf(bench, gone))).toEqual({ held: true, reopened: 0 });
      const partly = { stream: mark.stream, accepted: 5, lost: [{ first: 2, last: 3 }] };
      expect(await store.reopen('tab', reopeningOf(bench, partly))).toEqual({ held: true, reopened: 1 });
      expect(await store.readLog()).toMatchObject({
        streams: [{ acknowledged: 2, acknowledgedId: NOBODYS_ID, reopened: { upTo: 5 } }],
        settledUpTo: positions[1],
      });
    }));

  test('a second time before the first is made good remembers the highest number', () =>
    withBench(async (bench) => {
      const { store, mark, before } = await settledFive(bench);
      await store.reopen('tab', reopeningOf(bench, { stream: mark.stream, accepted: 2, lost: [] }));
      const reopened = { upTo: 5, generation: before };
      const half = { ...mark, acknowledged: 3, reopened };
      await store.settle('tab', { marks: [half] });
      const { generation } = await store.readLog();
      await store.reopen('tab', reopeningOf(bench, { stream: mark.stream, accepted: 1, lost: [] }));
      expect(await store.readLog()).toMatchObject({
        streams: [{ acknowledged: 1, reopened: { upTo: 5, generation } }],
        reopenings: 2,
      });
    }));

  test('a mark that is made good remembers nothing', () =>
    withBench(async (bench) => {
      const { store, mark } = await settledFive(bench);
      await store.reopen('tab', reopeningOf(bench, { stream: mark.stream, accepted: 2, lost: [] }));
      await store.settle('tab', { marks: [mark] });
      const [settled] = (await store.readLog()).streams;
      expect(settled).toEqual(mark);
      expect(settled).not.toHaveProperty('reopened');
    }));

  test('what had been refused is told with its code, for streams that were taken back and no others', () =>
    withBench(async (bench) => {
      const { store, mark } = await settledFive(bench);
      const other = { epoch: bench.epoch(), queue: 'orders', priority: 3 };
      const refused = letterOf(bench, { stream: mark.stream, number: 4, code: 'too-large' });
      await store.settle('tab', { deadLetters: [refused, letterOf(bench, { stream: other })] });
      expect((await store.readLog()).fates).toEqual([]);
      await store.reopen('tab', reopeningOf(bench, { stream: mark.stream, accepted: 2, lost: [] }));
      await store.discardDeadLetter(refused.id);
      expect((await store.readLog()).fates).toEqual([{ stream: mark.stream, number: 4, code: 'too-large' }]);
    }));

  test('what waits again is not trimmed, however old, and neither is its mark when nothing else is left', () =>
    withBench(async (bench) => {
      const { store, mark, positions } = await settledFive(bench);
      await store.reopen('tab', reopeningOf(bench, { stream: mark.stream, accepted: 2, lost: [] }));
      expect(await store.trim(ALL)).toBe(2);
      const left = await store.listSegments({ after: 0 });
      expect(left.map(({ position }) => position)).toEqual(positions.slice(2));
      // Said to be settled while the mark is still below: a mark that was taken back outlives its segments.
      await store.settle('tab', { settledUpTo: positions[4] ?? 0 });
      expect(await store.trim(ALL)).toBe(3);
      expect((await store.readLog()).streams).toMatchObject([{ acknowledged: 2, reopened: { upTo: 5 } }]);
    }));
}

interface Settled {
  readonly store: OutboxStore;
  readonly mark: StreamMark;
  readonly positions: readonly number[];
  /** The generation under which they were settled. */
  readonly before: GenerationId;
}

/** Five segments of one message each, saved at 101 to 105 and settled. */
async function settledFive(bench: OutboxBench): Promise<Settled> {
  const store = await bench.open();
  const epoch = bench.epoch();
  const positions = await save(bench, store, epoch, 5);
  const mark = markOf(bench, epoch, 5);
  const before = bench.uuid() as GenerationId;
  await store.lease(TAKEN);
  await store.settle('tab', { marks: [mark], settledUpTo: positions[4] ?? 0, generation: before });
  return { store, mark, positions, before };
}

async function save(
  bench: OutboxBench,
  store: OutboxStore,
  epoch: EpochId,
  count: number,
): Promise<readonly number[]> {
  const positions: number[] = [];
  for (let n = 1; n <= count; n++) {
    const draft = draftOf([bench.message()], { savedAt: 100 + n });
    const { segments } = await saveDrafts(store, epoch, bench.uuid(), [draft]);
    positions.push(...segments.map(({ position }) => position));
  }
  return positions;
}

function markOf(bench: OutboxBench, epoch: EpochId, acknowledged: number): StreamMark {
  const stream = { epoch, queue: 'orders', priority: 3 };
  return { stream, acknowledged, acknowledgedId: bench.message().id };
}

/** What a gateway says that has gone back, in session 9 of a generation of its own. */
function reopeningOf(
  bench: OutboxBench,
  ...streams: readonly Omit<ReopenedStream, 'acceptedId'>[]
): Reopening {
  return {
    streams: streams.map((stream) => ({ ...stream, acceptedId: bench.message().id })),
    session: { number: 9, nonce: '0123456789abcdef' as SessionNonce },
    generation: bench.uuid() as GenerationId,
  };
}
