import { createRng, type EpochId, type MessageId, type Rng, streamKeyText } from '@fieldpost/protocol';
import { expect, test } from 'vitest';
import type { DeadLetter, OutboxStore, SegmentKey, StreamMark } from '../../ports/outbox-store.ts';
import { draftOf, type OutboxBench, saveDrafts } from './outbox-place.ts';
import type { WithBench } from './with-bench.ts';

const SEEDS = 8;
const STEPS = 60;
const QUEUES = ['orders', 'visits'] as const;

/** What the log must hold, kept in plain variables. */
interface Model {
  segments: { readonly key: SegmentKey; readonly messages: Uint8Array; readonly ids: readonly MessageId[] }[];
  lastPosition: number;
  readonly numbers: Map<string, number>;
  settledUpTo: number;
  readonly marks: Map<string, StreamMark>;
  letters: DeadLetter[];
}

/** Random calls through several handles, each compared with what plain variables say. */
export function modelSuite(withBench: WithBench): void {
  test.each(Array.from({ length: SEEDS }, (_, index) => index + 1))('agrees with a model: seed %i', (seed) =>
    withBench(async (bench) => {
      const rng = createRng(`outbox-model/${seed}`);
      const stores = [await bench.open(), await bench.open(), await bench.open()];
      const epochs = stores.map(() => bench.epoch());
      const model: Model = {
        segments: [],
        lastPosition: 0,
        numbers: new Map(),
        settledUpTo: 0,
        marks: new Map(),
        letters: [],
      };
      for (let step = 0; step < STEPS; step++) {
        const index = rng.below(stores.length);
        const [store, epoch] = [stores[index], epochs[index]];
        if (store === undefined || epoch === undefined) throw new Error('no store');
        await randomStep(rng, bench, store, epoch, model);
        if (rng.chance(0.05)) {
          await store.close();
          stores[index] = await bench.open();
        }
      }
      await compare(await bench.open(), model);
    }),
  );
}

async function randomStep(
  rng: Rng,
  bench: OutboxBench,
  store: OutboxStore,
  epoch: EpochId,
  model: Model,
): Promise<void> {
  const draw = rng.next();
  if (draw < 0.5) return saveSome(rng, bench, store, epoch, model);
  if (draw < 0.6) return settleSome(rng, bench, store, model);
  if (draw < 0.7) return trimSome(rng, store, model);
  if (draw < 0.8) return findSome(rng, bench, store, model);
  if (draw < 0.85) return discardSome(rng, store, model);
  return compare(store, model);
}

async function saveSome(
  rng: Rng,
  bench: OutboxBench,
  store: OutboxStore,
  epoch: EpochId,
  model: Model,
): Promise<void> {
  const parts = Array.from({ length: 1 + rng.below(3) }, (_, index) => {
    const messages = Array.from({ length: 1 + rng.below(4) }, () => bench.message(rng.below(300)));
    const ids = messages.map(({ id }) => id);
    // The first of a save is young, so that no epoch is ever old enough to be forgotten.
    const savedAt = (index === 0 ? 1200 : 1000) + rng.below(500);
    const suppliedIds = rng.chance(0.3) ? { suppliedIds: ids } : {};
    return {
      ids,
      draft: draftOf(messages, { queue: rng.pick(QUEUES), priority: rng.below(2), savedAt, ...suppliedIds }),
    };
  });
  const write = bench.uuid();
  const drafts = parts.map(({ draft }) => draft);
  const { outcome, segments } = await saveDrafts(store, epoch, write, drafts);
  expect(outcome).toBe('written');
  expect(segments).toHaveLength(parts.length);
  for (const [index, { draft, ids }] of parts.entries()) {
    const key = segments[index];
    const { position } = key ?? { position: 0 };
    expect(position).toBeGreaterThan(model.lastPosition);
    const stream = { epoch, ...draft.lane };
    const last = model.numbers.get(streamKeyText(stream)) ?? 0;
    const { count, savedAt, messages } = draft;
    const wanted = { position, stream, first: last + 1, count, bytes: messages.length, savedAt };
    expect(key).toEqual(wanted);
    model.lastPosition = position;
    model.numbers.set(streamKeyText(stream), last + count);
    model.segments.push({ key: wanted, messages, ids });
  }
  if (rng.chance(0.2))
    expect(await saveDrafts(store, epoch, write, drafts)).toEqual({ outcome: 'found', segments });
}

async function settleSome(rng: Rng, bench: OutboxBench, store: OutboxStore, model: Model): Promise<void> {
  const holder = bench.uuid();
  await store.lease({ holder, until: 0, now: 1e9 });
  await store.lease({ holder, until: 1_000_100, now: 1_000_000 });
  const settled = model.segments[rng.below(Math.max(model.segments.length, 1))];
  if (settled === undefined) return;
  const { stream, position, first } = settled.key;
  const [acknowledgedId = bench.message().id] = settled.ids;
  const mark = { stream, acknowledged: first, acknowledgedId };
  const letter: DeadLetter = {
    id: acknowledgedId,
    stream,
    number: first,
    state: rng.pick(['refused', 'in-doubt']),
    code: 'too-large',
    message: rng.chance(0.5) ? rng.bytes(10) : undefined,
    savedAt: 1,
    setAsideAt: rng.below(100),
  };
  const settledUpTo = Math.max(position, model.settledUpTo);
  expect(await store.settle(holder, { marks: [mark], deadLetters: [letter], settledUpTo })).toBe(true);
  expect(await store.settle('another', { settledUpTo: 0 })).toBe(false);
  model.settledUpTo = settledUpTo;
  model.marks.set(streamKeyText(stream), mark);
  const known = model.letters.findIndex(({ id }) => id === letter.id);
  if (known === -1) model.letters.push(letter);
  else model.letters[known] = letter;
  await store.lease({ holder, until: 0, now: 1_000_000 });
}

async function trimSome(rng: Rng, store: OutboxStore, model: Model): Promise<void> {
  const savedBefore = rng.chance(0.5) ? 0 : 1000 + rng.below(200);
  const keepBytes = rng.below(20_000);
  const settled = model.segments.filter(({ key }) => key.position <= model.settledUpTo);
  let kept = 0;
  let removed = settled.length;
  for (const { key } of settled.toReversed()) {
    kept += key.bytes;
    if (kept > keepBytes) break;
    removed--;
  }
  while (removed < settled.length && (settled[removed]?.key.savedAt ?? 0) < savedBefore) removed++;
  expect(await store.trim({ savedBefore, keepBytes })).toBe(removed);
  model.segments = model.segments.slice(removed);
}

async function findSome(rng: Rng, bench: OutboxBench, store: OutboxStore, model: Model): Promise<void> {
  expect(await store.find(bench.message().id)).toBeUndefined();
  const segment = model.segments[rng.below(Math.max(model.segments.length, 1))];
  if (segment === undefined) return;
  const at = rng.below(segment.ids.length);
  const id = segment.ids[at];
  if (id === undefined) return;
  const { stream, first } = segment.key;
  expect(await store.find(id)).toMatchObject({ stream, number: first + at });
}

async function discardSome(rng: Rng, store: OutboxStore, model: Model): Promise<void> {
  const letter = model.letters[rng.below(Math.max(model.letters.length, 1))];
  if (letter === undefined) return;
  expect(await store.discardDeadLetter(letter.id)).toBe(true);
  model.letters = model.letters.filter(({ id }) => id !== letter.id);
}

async function compare(store: OutboxStore, model: Model): Promise<void> {
  expect(await store.listSegments({ after: 0 })).toEqual(model.segments.map(({ key }) => key));
  const loaded = await store.loadSegments({ after: 0, bytesMax: 1e9 });
  expect(loaded.map(({ messages }) => messages)).toEqual(model.segments.map(({ messages }) => messages));
  expect(await store.listDeadLetters()).toEqual(model.letters);
  const { streams, settledUpTo } = await store.readLog();
  expect(settledUpTo).toBe(model.settledUpTo);
  const byKey = (marks: readonly StreamMark[]): readonly StreamMark[] =>
    marks.toSorted((a, b) => (streamKeyText(a.stream) < streamKeyText(b.stream) ? -1 : 1));
  const inUse = new Set(model.segments.map(({ key }) => streamKeyText(key.stream)));
  const marksInUse = [...model.marks.values()].filter(({ stream }) => inUse.has(streamKeyText(stream)));
  expect(byKey(streams.filter(({ stream }) => inUse.has(streamKeyText(stream))))).toEqual(byKey(marksInUse));
}
