import {
  type DeviceId,
  encodeMessage,
  type EpochId,
  type GenerationId,
  LIMITS,
  messageIdFrom,
  packEntries,
  type Run,
  type SessionNonce,
  type StreamKey,
  unpackEntries,
  type Welcome,
} from '@fieldpost/protocol';
import { connect, createIndexedDbOutboxStore } from '@fieldpost/sdk';
import { ManualClock, ScriptedTransport } from '@fieldpost/sdk/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { IndexedDbFaults } from '../support/indexeddb-faults.ts';
import { clearStore, ended, fencesIn, segmentsIn } from '../support/indexeddb-raw.ts';

// What a handle that has saved before asks of IndexedDB, and that it never takes a place in the log twice.

type Store = ReturnType<typeof createIndexedDbOutboxStore>;

const DEVICE = '11111111-1111-4111-8111-111111111111' as DeviceId;
const EPOCH = 'e'.repeat(32) as EpochId;

const KEY_IN_USE = new Uint8Array(3);

let name = '';
let stores: Store[] = [];

beforeEach(() => {
  name = `outbox-${crypto.randomUUID()}`;
  stores = [];
});

afterEach(async () => {
  for (const store of stores) await store.close();
  await ended(indexedDB.deleteDatabase(name));
});

test.each([
  ['adds one record and commits at once', 60_000, ['add', 'commit']],
  ['looks first into the log when the last look was a while ago', 0, ['count', 'add']],
])('a further save of a handle %s', async (_, lookEveryMs, wanted) => {
  const store = make({ lookEveryMs });
  await store.open({ device: DEVICE, marker: undefined });
  await save(store);
  const [saved, requests] = await spiedOn(() => save(store));
  expect(requests).toEqual(wanted);
  expect(saved.segments.map(({ first }) => first)).toEqual([2]);
});

test.each([1, 2, 3])(
  'a further save of a handle that was overtaken by %i others takes no place that was taken, though that was trimmed',
  async (others) => {
    const store = make({ lookEveryMs: 60_000 });
    await store.open({ device: DEVICE, marker: undefined });
    await save(store);
    for (let n = 0; n < others; n++) {
      const other = make();
      await other.open({ device: DEVICE, marker: undefined });
      await save(other, epochOf(n));
      await save(other, epochOf(n));
    }
    const trimmed = await trimAll(store);
    const { segments } = await save(store);
    expect(segments).toMatchObject([{ position: trimmed + 1, first: 2 }]);
    expect(await store.listSegments({ after: trimmed })).toEqual(segments);
  },
);

test('a further save of a handle whose last segment was trimmed, and then overtaken, goes to the end of the log', async () => {
  const store = make({ lookEveryMs: 60_000 });
  await store.open({ device: DEVICE, marker: undefined });
  await save(store);
  await trimAll(store);
  const other = make();
  await other.open({ device: DEVICE, marker: undefined });
  await save(other, epochOf(1));
  const trimmed = await trimAll(store);
  const { segments } = await save(store);
  expect(segments).toMatchObject([{ position: trimmed + 1, first: 2 }]);
});

test('saves of several handles in turn keep positions and numbers, and leave few fences', async () => {
  const tabs = [make(), make(), make()];
  for (const store of tabs) await store.open({ device: DEVICE, marker: undefined });
  const saved = [];
  for (let n = 0; n < 30; n++) {
    const turn = n % tabs.length;
    const store = tabs[n % 4 === 0 ? 0 : turn];
    if (store === undefined) throw new Error('no store');
    saved.push(...(await save(store, n % 4 === 0 ? epochOf(0) : epochOf(turn))).segments);
  }
  expect(saved.map(({ position }) => position)).toEqual(saved.map((_, index) => index + 1));
  for (const [index] of tabs.entries()) {
    const own = saved.filter(({ stream }) => stream.epoch === epochOf(index));
    expect(own.map(({ first }) => first)).toEqual(own.map((_, n) => n + 1));
  }
  expect((await fencesIn(name)).length).toBeLessThanOrEqual(tabs.length);
});

test.each(['first save', 'further save', 'further save that looks', 'save from the disk'])(
  'a %s of which one request fails writes nothing, and its numbers are given to the next',
  async (which) => {
    const store = make({ lookEveryMs: which === 'further save' ? 60_000 : 0 });
    await store.open({ device: DEVICE, marker: undefined });
    if (which !== 'first save') await save(store);
    if (which === 'save from the disk') {
      const other = make();
      await other.open({ device: DEVICE, marker: undefined });
      await save(other, epochOf(1));
    }
    const before = await segmentsIn(name);
    const first = before.length === 0 ? 1 : 2;
    await expect(withFailingWrite(() => saveThree(store))).rejects.toMatchObject({ code: 'storage-failed' });
    expect(await segmentsIn(name)).toEqual(before);
    const { segments } = await saveThree(store);
    expect(segments.map((segment) => segment.first)).toEqual([first, first + 1, first + 2]);
  },
);

test('a further save notices at its next look that the log has gone back beneath it', async () => {
  const store = make({ lookEveryMs: 0 });
  await store.open({ device: DEVICE, marker: undefined });
  await save(store);
  await clearStore(name, 'segments');
  const tails: unknown[] = [];
  const { outcome } = await store.save(EPOCH, (tail) => {
    tails.push(tail?.lanes);
    return { type: 'rolled-back' };
  });
  expect([outcome, tails.at(-1)]).toEqual(['rolled-back', {}]);
});

test('what is saved before that look, on numbers that are gone, is delivered after a reload, and the gap is skipped', async () => {
  const store = make({ lookEveryMs: 60_000 });
  await store.open({ device: DEVICE, marker: undefined });
  for (let n = 1; n <= 3; n++) await save(store);
  await clearStore(name, 'segments');
  expect(await save(store)).toMatchObject({ outcome: 'written', segments: [{ first: 4 }] });
  await store.close();

  const socket = new ScriptedTransport();
  const post = await connect({
    gateway: 'https://gateway.test',
    token: () => 'token',
    surroundings: { store: make(), socket, clock: new ManualClock() },
  });
  await expect.poll(() => socket.connections.length).toBe(1);
  socket.latest.open();
  await expect.poll(() => socket.latest.sent.length).toBe(1);
  expect(socket.latest.sent).toMatchObject([{ type: 'hello', streams: [{ epoch: EPOCH, acknowledged: 0 }] }]);
  socket.latest.answer(welcomeOf({ epoch: EPOCH, queue: 'orders', priority: 3 }));
  await expect
    .poll(() => runsOf(socket))
    .toMatchObject([
      {
        epoch: EPOCH,
        first: 1,
        skips: [0, 1, 2].map((index) => ({ index, code: 'unreadable' })),
      },
      { epoch: EPOCH, first: 4 },
    ]);
  const entries = runsOf(socket).flatMap(({ messages }) => unpackEntries(messages, LIMITS.runMessages));
  expect(entries.map(({ length }) => length > 0)).toEqual([false, false, false, true]);
  await post.close();
});

test('a further save whose commit is never heard of is found when it is made again', async () => {
  const store = make({ lookEveryMs: 60_000 });
  await store.open({ device: DEVICE, marker: undefined });
  await save(store);
  const faults = new IndexedDbFaults();
  try {
    // A handle whose transaction ended in an unknown way is replaced, and the work done once more with the new one.
    faults.failAt(1, 'unheard', 'once');
    expect(await save(store)).toMatchObject({ outcome: 'found', segments: [{ first: 2 }] });
    expect(faults.clear()).toBe(true);
  } finally {
    faults.remove();
  }
  expect((await save(store)).segments).toMatchObject([{ first: 3 }]);
  expect(await store.listSegments({ after: 0 })).toHaveLength(3);
});

function runsOf({ latest }: ScriptedTransport): Run[] {
  return latest.sent.flatMap((frame) => (frame.type === 'push' ? frame.runs : []));
}

/** Of a gateway that has heard nothing of the stream. */
function welcomeOf(stream: StreamKey): Welcome {
  return {
    type: 'welcome',
    version: 1,
    session: { number: 1, nonce: '0011223344556677' as SessionNonce },
    generation: '8d1f6f0e-0000-4000-8000-000000000001' as GenerationId,
    limits: {
      frameBytes: LIMITS.frameBytes,
      bodyBytes: LIMITS.bodyBytesMax,
      runMessages: LIMITS.runMessages,
      windowMessages: LIMITS.windowMessages,
      windowBytes: LIMITS.windowBytes,
    },
    streams: [{ ...stream, attempt: 0, accepted: 0, since: 0 }],
    serverTimeMs: 0,
  };
}

function make(options: { readonly lookEveryMs?: number } = {}): Store {
  const store = createIndexedDbOutboxStore({ name, ...options });
  stores.push(store);
  return store;
}

function message() {
  return {
    id: messageIdFrom(1_700_000_000_000, crypto.getRandomValues(new Uint8Array(10))),
    properties: {},
    body: new Uint8Array(20),
  };
}

function save(store: Store, epoch = EPOCH, count = 1) {
  const write = crypto.randomUUID();
  const messages = packEntries([encodeMessage(message())]);
  const stream = { epoch, queue: 'orders', priority: 3 };
  return store.save(epoch, (tail) => {
    const earlier = tail?.writes.find((recent) => recent.write === write);
    if (earlier !== undefined) return { type: 'found', segments: earlier.segments };
    const first = (tail?.lanes['3orders'] ?? 0) + 1;
    const segments = Array.from({ length: count }, (_, index) => ({
      stream,
      first: first + index,
      count: 1,
      messages,
      savedAt: 5,
    }));
    return { type: 'write', write, segments };
  });
}

/** A save of three segments. */
function saveThree(store: Store) {
  return save(store, EPOCH, 3);
}

/** Makes the database refuse the second of three segments, for a reason that it finds only when it writes. */
async function withFailingWrite<Result>(run: () => Promise<Result>): Promise<Result> {
  const { prototype } = IDBObjectStore;
  const originals = { add: prototype.add, put: prototype.put };
  let written = 0;
  for (const method of ['add', 'put'] as const) {
    prototype[method] = function (...call) {
      const isSegment = this.name === 'segments' && call[1] instanceof Uint8Array;
      if (!isSegment || ++written % 3 !== 2) return originals[method].apply(this, call);
      // A key that is there already: the first segment's, which the same transaction has just written.
      originals.add.call(this, call[0], KEY_IN_USE);
      return originals.add.call(this, call[0], KEY_IN_USE);
    };
  }
  try {
    return await run();
  } finally {
    Object.assign(prototype, originals);
  }
}

function epochOf(n: number): EpochId {
  return String(n).repeat(32) as EpochId;
}

/** Settles and removes the whole log. Resolves with its last position. */
async function trimAll(store: Store): Promise<number> {
  const last = (await store.listSegments({ after: 0 })).at(-1)?.position ?? 0;
  await store.lease({ holder: 'tab', until: 2000, now: 1000 });
  await store.settle('tab', { settledUpTo: last });
  await store.trim({ savedBefore: 0, keepBytes: 0 });
  expect(await segmentsIn(name)).toEqual([]);
  return last;
}

/** What a save asks of the database beside the transaction itself, in the order of asking. */
async function spiedOn<Result>(run: () => Promise<Result>): Promise<readonly [Result, readonly string[]]> {
  const asked: string[] = [];
  const restore: (() => void)[] = [];
  const spy = (prototype: object, method: string): void => {
    const original: unknown = Reflect.get(prototype, method);
    if (typeof original !== 'function') throw new Error(`${method} is not there to be watched`);
    Reflect.set(prototype, method, function (this: unknown, ...call: unknown[]): unknown {
      asked.push(method);
      return Reflect.apply(original, this, call);
    });
    restore.push(() => Reflect.set(prototype, method, original));
  };
  for (const method of ['add', 'put', 'delete', 'get', 'getKey', 'getAllKeys', 'count', 'openKeyCursor'])
    spy(IDBObjectStore.prototype, method);
  spy(IDBTransaction.prototype, 'commit');
  try {
    return [await run(), asked];
  } finally {
    for (const undo of restore) undo();
  }
}
