import type { DeviceId, EpochId } from '@fieldpost/protocol';
import { encodeMessage, messageIdFrom, packEntries } from '@fieldpost/protocol';
import { createIndexedDbOutboxStore } from '@fieldpost/sdk';
import { SCHEMA_STEPS, type SchemaStep } from '@fieldpost/sdk/testing/suites';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { IndexedDbFaults } from '../support/indexeddb-faults.ts';
import { changeValue, ended, openRaw, putValue, segmentsIn } from '../support/indexeddb-raw.ts';

// What only IndexedDB can do to an outbox; the rest is in the suite of all stores.

type Store = ReturnType<typeof createIndexedDbOutboxStore>;

const DEVICE = '11111111-1111-4111-8111-111111111111' as DeviceId;
const EPOCH = 'e'.repeat(32) as EpochId;

let name = '';
let stores: Store[] = [];
let handles: IDBDatabase[] = [];
let reports: string[] = [];

beforeEach(() => {
  name = `outbox-${crypto.randomUUID()}`;
  [stores, handles, reports] = [[], [], []];
});

afterEach(async () => {
  for (const store of stores) await store.close();
  for (const handle of handles) handle.close();
  await ended(indexedDB.deleteDatabase(name));
});

describe('opening', () => {
  test('is given up after a while when another tab holds an older version open, and works when it lets go', async () => {
    const old = await hold();
    const store = makeLater(300);
    const opening = store.open({ device: DEVICE, marker: undefined });
    await expect(opening).rejects.toMatchObject({
      code: 'storage-blocked',
      message: expect.stringMatching(/another tab holds its version \d+ open/),
    });
    old.close();
    expect(await makeLater().open({ device: DEVICE, marker: DEVICE })).toMatchObject({ condition: 'opened' });
  });

  test('is given up after a while when it hangs without an event', async () => {
    const holder = await hold();
    const deleted = ended(indexedDB.deleteDatabase(name));
    const store = make({ openTimeoutMs: 300 });
    await expect(store.open({ device: DEVICE, marker: undefined })).rejects.toMatchObject({
      code: 'storage-blocked',
    });
    holder.close();
    await deleted;
    expect(await make().open({ device: DEVICE, marker: undefined })).toMatchObject({ condition: 'created' });
  });

  test('of a database that a newer release wrote says so', async () => {
    (await openRaw(name, 99)).close();
    await expect(make().open({ device: DEVICE, marker: undefined })).rejects.toMatchObject({
      code: 'storage-failed',
      message: expect.stringContaining('newer release'),
    });
  });

  test('brings an older schema up to date and keeps what is in it', async () => {
    const before = make();
    await before.open({ device: DEVICE, marker: undefined });
    const { segments } = await save(before);
    await before.close();
    const after = makeLater();
    expect(await after.open({ device: DEVICE, marker: DEVICE })).toEqual({
      device: DEVICE,
      condition: 'opened',
    });
    expect(await after.listSegments({ after: 0 })).toEqual(segments);
    const raw = await openRaw(name);
    handles.push(raw);
    expect([...raw.objectStoreNames]).toContain('added');
  });
});

describe('a handle in use', () => {
  test('makes way for the upgrade of a newer tab, which is not blocked', async () => {
    const store = make();
    await store.open({ device: DEVICE, marker: undefined });
    await save(store);
    expect(await makeLater().open({ device: DEVICE, marker: undefined })).toMatchObject({
      condition: 'opened',
    });
    await expect(save(store)).rejects.toMatchObject({
      code: 'storage-failed',
      message: expect.stringContaining('reload the page'),
    });
  });

  test('whose database is deleted begins anew: no tail, positions that go on, the same device', async () => {
    const store = make();
    await store.open({ device: DEVICE, marker: undefined });
    const before = await save(store);
    await ended(indexedDB.deleteDatabase(name));
    const tails: unknown[] = [];
    const lost = await store.save(EPOCH, (tail) => {
      tails.push(tail);
      return { type: 'rolled-back' };
    });
    expect([lost.outcome, tails.at(-1)]).toEqual(['rolled-back', undefined]);
    expect(await store.listSegments({ after: 0 })).toEqual([]);
    const after = await save(store);
    expect(after.segments[0]?.position).toBeGreaterThan(before.segments[0]?.position ?? Infinity);
    expect(reports.join()).toContain('was deleted while it was in use');
    const other = '22222222-2222-4222-8222-222222222222' as DeviceId;
    expect(await make().open({ device: other, marker: DEVICE })).toEqual({
      device: DEVICE,
      condition: 'opened',
    });
  });

  test('whose database was replaced by that of another device says that the outbox is lost', async () => {
    const store = make();
    await store.open({ device: DEVICE, marker: undefined });
    await save(store);
    await ended(indexedDB.deleteDatabase(name));
    const other = '22222222-2222-4222-8222-222222222222' as DeviceId;
    await make().open({ device: other, marker: undefined });
    await expect(save(store)).rejects.toMatchObject({ code: 'storage-lost' });
    await expect(store.readLog()).rejects.toMatchObject({ code: 'storage-lost' });
    expect(await store.open({ device: DEVICE, marker: DEVICE })).toEqual({
      device: other,
      condition: 'lost',
    });
  });

  test('that the browser closed is replaced', async () => {
    const store = make();
    await store.open({ device: DEVICE, marker: undefined });
    await save(store);
    await withHandleClosed(() => save(store));
    expect(await store.listSegments({ after: 0 })).toHaveLength(2);
  });

  test('a save whose transaction began before another and ends after it takes its numbers after it', async () => {
    const [slow, fast] = [make(), make()];
    await slow.open({ device: DEVICE, marker: undefined });
    await fast.open({ device: DEVICE, marker: undefined });
    await save(slow);
    // A transaction that began earlier holds the store; both saves wait for it, and the log is theirs in turn.
    const raw = await openRaw(name);
    handles.push(raw);
    const held = raw.transaction('segments', 'readwrite');
    let holding = true;
    const keepAlive = (): void => {
      if (holding) held.objectStore('segments').count().addEventListener('success', keepAlive);
    };
    keepAlive();
    const saves = [save(slow), save(fast), save(slow), save(fast)];
    holding = false;
    const saved = await Promise.all(saves);
    const segments = saved.flatMap((each) => each.segments);
    const listed = await slow.listSegments({ after: 0 });
    expect(listed.slice(1)).toEqual(segments.toSorted((a, b) => a.position - b.position));
    expect(listed.map(({ first }) => first)).toEqual([1, 2, 3, 4, 5]);
  });
});

describe('durability', () => {
  test('what must survive power loss is written strictly: identity, saves by either way, answers, discards', async () => {
    const { prototype } = IDBDatabase;
    const original = prototype.transaction;
    const written: (string | undefined)[] = [];
    prototype.transaction = function (names, mode, options) {
      if (mode === 'readwrite') written.push(options?.durability);
      return original.call(this, names, mode, options);
    };
    const durabilityOf = async (write: () => Promise<unknown>): Promise<readonly (string | undefined)[]> => {
      written.length = 0;
      await write();
      return [...written];
    };
    try {
      const store = make();
      expect(await durabilityOf(() => store.open({ device: DEVICE, marker: undefined }))).toContain('strict');
      await store.lease({ holder: 'tab', until: 2000, now: 1000 });
      const stream = { epoch: EPOCH, queue: 'orders', priority: 3 };
      const { id } = message();
      const letter = {
        id,
        stream,
        number: 1,
        state: 'refused',
        code: 'x',
        savedAt: 1,
        setAsideAt: 2,
      } as const;
      const settlement = { deadLetters: [{ ...letter, message: undefined }] };
      expect(await durabilityOf(() => save(store)), 'first save').toEqual(['strict']);
      expect(await durabilityOf(() => save(store)), 'further save').toEqual(['strict']);
      expect(await durabilityOf(() => store.settle('tab', settlement))).toEqual(['strict']);
      expect(await durabilityOf(() => store.discardDeadLetter(id))).toEqual(['strict']);
    } finally {
      prototype.transaction = original;
    }
  });
});

describe('without space', () => {
  test('answers are written down all the same, and a save says that there is none', async () => {
    const store = make();
    await store.open({ device: DEVICE, marker: undefined });
    await store.lease({ holder: 'tab', until: 2000, now: 1000 });
    const faults = new IndexedDbFaults();
    try {
      faults.failAt(1, 'full', 'once');
      await expect(store.settle('tab', { settledUpTo: 3 })).resolves.toBe(true);
      expect(faults.clear()).toBe(true);
      faults.failAt(1, 'full', 'once');
      await expect(save(store)).rejects.toMatchObject({ code: 'storage-full' });
      expect(faults.clear()).toBe(true);
    } finally {
      faults.remove();
    }
    expect(await store.readLog()).toMatchObject({ settledUpTo: 3 });
  });
});

describe('what others wrote into the database', () => {
  test.each([1, 'text', [1, 2], new Date(0), new Uint8Array(3).buffer, new Uint8Array(90).fill(255).buffer])(
    'a segment under the foreign key %s is passed over and reported',
    async (foreign) => {
      const store = make();
      await store.open({ device: DEVICE, marker: undefined });
      const first = await save(store);
      await putValue(name, 'segments', { messages: new Uint8Array(3), checksum: 0 }, foreign);
      const second = await save(store);
      const wanted = [...first.segments, ...second.segments];
      expect(await store.listSegments({ after: 0 })).toEqual(wanted);
      expect(await store.loadSegments({ after: 0, bytesMax: 1e9 })).toHaveLength(2);
      expect(wanted.map(({ first: number }) => number)).toEqual([1, 2]);
    },
  );

  test.each([
    undefined,
    null,
    7,
    'text',
    {},
    { messages: 'text' },
    { messages: new Uint8Array(2), checksum: 'x' },
  ])('a segment whose value became %j comes without messages and is reported', async (value) => {
    const store = make();
    await store.open({ device: DEVICE, marker: undefined });
    const { segments } = await save(store);
    const [stored] = await segmentsIn(name);
    await putValue(name, 'segments', value, stored?.key);
    expect(await store.loadSegments({ after: 0, bytesMax: 1 })).toEqual([
      { ...segments[0], messages: undefined },
    ]);
    expect(reports.join()).toContain('is damaged');
  });

  test('a segment whose key was changed counts as damaged: its numbers are not to be trusted', async () => {
    const store = make();
    await store.open({ device: DEVICE, marker: undefined });
    await save(store);
    const [stored] = await segmentsIn(name);
    if (!(stored?.key instanceof ArrayBuffer)) throw new Error('no segment');
    const key = new Uint8Array(stored.key.slice(0));
    key[15] = 9;
    await putValue(name, 'segments', stored.value, key);
    const loaded = await store.loadSegments({ after: 0, bytesMax: 1e9 });
    expect(loaded.map(({ first, messages }) => [first, messages !== undefined])).toEqual([
      [1, true],
      [9, false],
    ]);
  });

  test.each([
    undefined,
    null,
    7,
    'text',
    [],
    { settledUpTo: -1, session: 5, generation: 'x' },
    { holder: 3 },
  ])('single records that became %j count as missing', async (value) => {
    const store = make();
    await store.open({ device: DEVICE, marker: undefined });
    await save(store);
    for (const key of ['log', 'lease', 'trimmed', 'reserve', 'offered'])
      await putValue(name, 'state', value, key);
    await putValue(name, 'marks', value, [EPOCH, 'orders', 3]);
    await putValue(name, 'marks', value, 'foreign');
    await putValue(name, 'skips', value, [EPOCH, 'orders', 3, 1]);
    await putValue(name, 'skips', value, 'foreign');
    await putValue(name, 'epochs', value, 'f'.repeat(32));
    const again = make();
    await again.open({ device: DEVICE, marker: DEVICE });
    expect(await again.readLog()).toEqual({
      streams: [],
      settledUpTo: 0,
      session: undefined,
      generation: undefined,
      device: DEVICE,
      contacts: [],
      fates: [],
      // Of a message that may have been sent nobody may say that it was not.
      offered: value === undefined ? 0 : value === 7 ? 7 : Number.MAX_SAFE_INTEGER,
      skips: [],
      reopenings: 0,
    });
    const held = { holder: 'tab', until: 2000 };
    expect(await again.lease({ ...held, now: 1000 })).toEqual(held);
    expect(await again.settle('tab', { settledUpTo: 1 })).toBe(true);
    expect(await again.trim({ savedBefore: 1e15, keepBytes: 0 })).toBe(1);
    expect((await save(again)).segments[0]?.position).toBeGreaterThan(1);
    expect(reports.length).toBeGreaterThan(0);
  });

  test('dead letters that cannot be read are passed over, and a damaged message is left out', async () => {
    const store = make();
    await store.open({ device: DEVICE, marker: undefined });
    await store.lease({ holder: 'tab', until: 2000, now: 1000 });
    const stream = { epoch: EPOCH, queue: 'orders', priority: 3 };
    const letter = {
      id: message().id,
      stream,
      number: 1,
      state: 'refused',
      code: 'too-large',
      savedAt: 1,
      setAsideAt: 2,
    } as const;
    await store.settle('tab', { deadLetters: [{ ...letter, message: new Uint8Array([1, 2, 3]) }] });
    await putValue(name, 'deadLetters', { id: message().id, state: 'odd' });
    await putValue(name, 'deadLetters', 'text');
    await changeValue(name, 'deadLetters', 1, { message: new Uint8Array([1, 2, 4]) });
    expect(await store.listDeadLetters()).toEqual([{ ...letter, message: undefined }]);
    expect(reports).toHaveLength(2);
  });

  test('a database without its stores fails with a code', async () => {
    const db = await openRaw(name, 1);
    db.close();
    await expect(make().open({ device: DEVICE, marker: undefined })).rejects.toMatchObject({
      code: 'storage-failed',
    });
  });
});

function make(options: { readonly openTimeoutMs?: number } = {}): Store {
  const store = createIndexedDbOutboxStore({ name, report: (detail) => reports.push(detail), ...options });
  stores.push(store);
  return store;
}

/** A store of a later release, whose schema has one step more. */
function makeLater(openTimeoutMs = 10_000): Store {
  const steps: SchemaStep[] = [...SCHEMA_STEPS, (db) => void db.createObjectStore('added')];
  const store = createIndexedDbOutboxStore({ name, openTimeoutMs, steps });
  stores.push(store);
  return store;
}

/** A tab of this release that takes no notice when it is asked to make way. */
async function hold(): Promise<IDBDatabase> {
  const store = make();
  await store.open({ device: DEVICE, marker: undefined });
  const handle = await openRaw(name);
  handles.push(handle);
  await store.close();
  return handle;
}

/** Closes each handle just when it is used the next time, as browsers do without asking. */
async function withHandleClosed(run: () => Promise<unknown>): Promise<void> {
  const { prototype } = IDBDatabase;
  const original = prototype.transaction;
  let closed = 0;
  prototype.transaction = function (...call) {
    if (closed++ === 0) this.close();
    return original.apply(this, call);
  };
  try {
    await run();
  } finally {
    prototype.transaction = original;
  }
  expect(closed).toBeGreaterThan(1);
}

function message() {
  return {
    id: messageIdFrom(1_700_000_000_000, crypto.getRandomValues(new Uint8Array(10))),
    properties: {},
    body: new Uint8Array(20),
  };
}

function save(store: Store) {
  const messages = packEntries([encodeMessage(message())]);
  const write = crypto.randomUUID();
  const stream = { epoch: EPOCH, queue: 'orders', priority: 3 };
  return store.save(EPOCH, (tail) => ({
    type: 'write',
    write,
    segments: [{ stream, first: (tail?.lanes['3orders'] ?? 0) + 1, count: 1, messages, savedAt: 5 }],
  }));
}
