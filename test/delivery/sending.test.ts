import { LIMITS } from '@fieldpost/protocol';
import { FieldpostError } from '@fieldpost/sdk';
import { createMemoryOutboxStore, MemoryDatabase, type OutboxStore, SignalBus } from '@fieldpost/sdk/testing';
import { describe, expect, test } from 'vitest';
import { codeOf } from '../support/code-of.ts';
import { idsOf, numbersOf, runsOf, ScriptedDevice, state, takenState } from '../support/scripted-device.ts';

// What `send` takes, refuses and promises, and what is on the device afterwards.

describe('saving', () => {
  test('sends of one turn are one save and one segment, in order; each has its own id', async () => {
    const database = new MemoryDatabase();
    const saves = countSaves(database);
    const device = await ScriptedDevice.open({ database });
    const orders = device.post.queue('orders');
    const sent = await Promise.all(Array.from({ length: 100 }, (_, n) => orders.send(n)));
    expect(saves()).toBe(1);
    expect([...database.segments.values()].map(({ key }) => [key.first, key.count])).toEqual([[1, 100]]);
    expect(new Set(sent.map(({ id }) => id)).size).toBe(100);
    expect((await device.post.outbox.list()).map(({ body }) => body)).toEqual(sent.map((_, n) => n));
  });

  test('sends made while a save runs share the next one', async () => {
    const database = new MemoryDatabase();
    const saves = countSaves(database);
    const device = await ScriptedDevice.open({ database });
    const orders = device.post.queue('orders');
    const first = orders.send(0);
    await Promise.resolve();
    await Promise.resolve();
    const later = Array.from({ length: 50 }, (_, n) => orders.send(n + 1));
    await Promise.all([first, ...later]);
    expect(saves()).toBe(2);
  });

  test('a large burst is cut into segments that travel whole', async () => {
    const device = await ScriptedDevice.open();
    const orders = device.post.queue('orders');
    await Promise.all(Array.from({ length: 3_000 }, (_, n) => orders.send({ n, text: 'x'.repeat(300) })));
    const segments = [...device.database.segments.values()].map(({ key }) => key);
    expect(segments.length).toBeGreaterThan(3);
    expect(Math.max(...segments.map(({ bytes }) => bytes))).toBeLessThan(256 * 1024);
    const runs = runsOf(await device.greet());
    expect(segments.map(({ first }) => first)).toEqual(
      expect.arrayContaining(runs.map(({ first }) => first)),
    );
  });

  test.each([1, 2, 3, 4, 5])(
    'when save %i of 5 aborts, its caller hears it and the others are numbered without a gap',
    async (k) => {
      const database = new MemoryDatabase();
      const device = await ScriptedDevice.open({ database });
      const orders = device.post.queue('orders');
      let saves = 0;
      database.fault = (operation) => (operation === 'save' && ++saves === k ? 'full' : 'none');
      const outcomes: string[] = [];
      for (let n = 1; n <= 5; n++) outcomes.push(await codeOf(orders.send(n)));
      expect(outcomes).toEqual([1, 2, 3, 4, 5].map((n) => (n === k ? 'storage-full' : 'sent')));
      const connection = await device.greet();
      const runs = runsOf(connection);
      expect(numbersOf(runs)).toEqual(['1-4']);
      connection.answer({ type: 'ack', streams: runs.map(takenState) });
      await device.settle();
      expect(device.post.status.get()).toMatchObject({ pending: 0, storage: 'ready' });
    },
  );

  test('an abort takes the sends that shared the save with it, and none of those after', async () => {
    const database = new MemoryDatabase();
    const device = await ScriptedDevice.open({ database });
    const orders = device.post.queue('orders');
    let isFull = true;
    database.fault = (operation) => (operation === 'save' && isFull ? 'full' : 'none');
    const codes = await Promise.all([codeOf(orders.send(1)), codeOf(orders.send(2))]);
    expect(codes).toEqual(['storage-full', 'storage-full']);
    expect(device.post.status.get()).toMatchObject({
      storage: 'full',
      pending: 0,
      problems: [{ code: 'storage-full' }],
    });
    isFull = false;
    await orders.send(3);
    expect(device.post.status.get()).toMatchObject({ storage: 'ready', pending: 1, problems: [] });
    expect(numbersOf(runsOf(await device.greet()))).toEqual(['1-1']);
  });

  test('a save that was done although nobody heard is found, not done twice', async () => {
    const database = new MemoryDatabase();
    const device = await ScriptedDevice.open({ database });
    let isFirst = true;
    database.fault = (operation) => {
      if (operation !== 'save' || !isFirst) return 'none';
      isFirst = false;
      return 'unheard';
    };
    const orders = device.post.queue('orders');
    const sent = await Promise.all([orders.send(1), orders.send(2)]);
    const runs = runsOf(await device.greet());
    expect(runs.flatMap(idsOf)).toEqual(sent.map(({ id }) => id));
  });

  test('a save whose outcome stays unknown says so', async () => {
    const database = new MemoryDatabase();
    const device = await ScriptedDevice.open({ database });
    database.fault = (operation) => (operation === 'save' ? 'unheard' : 'none');
    const error: unknown = await device.post
      .queue('orders')
      .send(1)
      .catch((failure: unknown) => failure);
    expect(error).toMatchObject({ code: 'storage-failed', outcome: 'unknown' });
  });

  test('a disk that went back in time gets a new epoch, and the app is told', async () => {
    const database = new MemoryDatabase();
    const device = await ScriptedDevice.open({ database });
    const orders = device.post.queue('orders');
    await orders.send(1);
    const [epoch] = database.tails.keys();
    database.tails.clear();
    await orders.send(2);
    expect([...database.tails.keys()]).not.toContain(epoch);
    expect(device.post.status.get().problems).toMatchObject([{ code: 'storage-lost' }]);
  });

  test('site data cleared under an open page: it is told, and what is sent from then on is delivered', async () => {
    const database = new MemoryDatabase();
    const device = await ScriptedDevice.open({ database });
    const orders = device.post.queue('orders');
    await Promise.all([1, 2, 3].map((n) => orders.send(n)));
    await device.greet();
    database.segments.clear();
    database.tails.clear();
    database.lastPosition = 0;
    const sent = await orders.send(4);
    await device.pass(1_000);
    const connection = await device.greet();
    const runs = runsOf(connection);
    expect(runs.flatMap(idsOf)).toEqual([sent.id]);
    connection.answer({ type: 'ack', streams: runs.map(takenState) });
    expect(await sent.delivered).toEqual({ outcome: 'delivered' });
    expect(device.post.status.get()).toMatchObject({ pending: 0, problems: [{ code: 'storage-lost' }] });
  });

  test('a save that begins first and commits last is last in order', async () => {
    const database = new MemoryDatabase();
    const bus = new SignalBus();
    const held = holdSaves(createMemoryOutboxStore(database));
    const slow = await ScriptedDevice.open({
      database,
      seed: 'slow',
      signals: bus.join(),
      connect: { surroundings: { store: held.store } },
    });
    const quick = await ScriptedDevice.open({
      database,
      seed: 'quick',
      clock: slow.clock,
      signals: bus.join(),
    });
    const first = slow.post.queue('orders').send('began first');
    await slow.settle();
    const second = await quick.post.queue('orders').send('committed first');
    held.release();
    // Where everybody holds the lock, the tab that came last leads.
    await quick.settle();
    const runs = runsOf(await quick.greet());
    expect(runs.flatMap(idsOf)).toEqual([second.id, (await first).id]);
    expect(runs[1]?.after).toEqual({ epoch: runs[0]?.epoch, number: 1 });
  });
});

describe('bodies', () => {
  test.each<[string, unknown, string | undefined]>([
    ['an object', { a: [1, 'x', null, true], b: { c: -0.5 } }, undefined],
    ['a text', 'Grüße 😀 \u0000', undefined],
    ['null', null, undefined],
    ['a number', 42, undefined],
    ['plain text', 'hello', 'text/plain; charset=utf-8'],
    ['a lone surrogate in JSON', { half: '\ud800' }, undefined],
    ['JSON of a named type', { a: 1 }, 'application/vnd.order+json'],
    ['bytes', new Uint8Array([0, 1, 255]), 'application/octet-stream'],
    ['no bytes', new Uint8Array(0), 'image/png'],
  ])('%s comes back as it was', async (_, body, contentType) => {
    const device = await ScriptedDevice.open();
    const options = contentType === undefined ? {} : { contentType };
    const sent = await device.post.queue('orders').send(body, options);
    const message = await device.post.outbox.get(sent.id);
    expect(message?.body).toEqual(body);
    expect(message?.contentType).toBe(contentType ?? 'application/json');
  });

  test('an ArrayBuffer travels as bytes, a date as its ISO text, an undefined property not at all', async () => {
    const device = await ScriptedDevice.open();
    const orders = device.post.queue('orders');
    await orders.send(new Uint8Array([1, 2]).buffer);
    await orders.send({ at: new Date(0), none: undefined });
    const bodies = (await device.post.outbox.list()).map(({ body }) => body);
    expect(bodies).toEqual([new Uint8Array([1, 2]), { at: '1970-01-01T00:00:00.000Z' }]);
  });

  const circle: Record<string, unknown> = { name: 'circle' };
  circle['self'] = { again: circle };
  const detached = new Uint8Array(8);
  structuredClone(detached, { transfer: [detached.buffer] });
  test.each<[string, unknown, string]>([
    ['undefined', undefined, 'body is undefined'],
    ['a function', { lines: [{ f: () => 1 }] }, 'body.lines[0].f is a function'],
    ['a BigInt', { total: 1n }, 'body.total is a BigInt'],
    ['a symbol', [Symbol('x')], 'body[0] is a symbol'],
    ['NaN', { price: Number.NaN }, 'body.price is NaN'],
    ['Infinity', [1, Number.POSITIVE_INFINITY], 'body[1] is Infinity'],
    ['undefined in a list', [1, undefined], 'body[1] is undefined'],
    ['a circle', circle, 'body.self.again is a value that contains itself'],
    ['a map', { lines: new Map() }, 'body.lines is a Map'],
    ['a blob', { photo: new Blob(['x']) }, 'body.photo is a Blob'],
    ['bytes inside JSON', { photo: new Uint8Array(1) }, 'body.photo is a Uint8Array'],
    ['an invalid date', { at: new Date(Number.NaN) }, 'body.at is an invalid date'],
    ['a promise', Promise.resolve(1), 'body is a Promise'],
    ['a detached buffer', detached, 'detached'],
    ['nesting without end', nested(5_000), 'nested deeper than 1000'],
  ])('%s is refused with its path, and nothing is saved', async (_, body, message) => {
    const device = await ScriptedDevice.open();
    const error: unknown = await device.post
      .queue('orders')
      .send(body)
      .catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(FieldpostError);
    expect(error).toMatchObject({ code: 'not-serialisable', outcome: 'nothing-done' });
    expect(String(error)).toContain(message);
    expect(device.database.segments.size).toBe(0);
  });

  test('a body of the limit is taken, one byte more is too large', async () => {
    const device = await ScriptedDevice.open();
    const orders = device.post.queue('orders');
    expect(await codeOf(orders.send(new Uint8Array(LIMITS.bodyBytesMax)))).toBe('sent');
    expect(await codeOf(orders.send(new Uint8Array(LIMITS.bodyBytesMax + 1)))).toBe('too-large');
    expect(await codeOf(orders.send('é'.repeat(LIMITS.bodyBytesMax / 2)))).toBe('too-large');
    expect(await codeOf(orders.send(1))).toBe('sent');
    expect(device.post.status.get().pending).toBe(2);
  });
});

describe('options', () => {
  test('what goes with a message comes back with it', async () => {
    const device = await ScriptedDevice.open();
    const options = {
      priority: 7,
      label: 'for people',
      headers: { region: 'north' },
      correlationId: 'c-1',
      replyTo: 'answers',
    };
    const sent = await device.post.queue('orders').send(1, options);
    expect(sent).toMatchObject({ queue: 'orders', priority: 7 });
    expect(await device.post.outbox.get(sent.id)).toMatchObject({
      ...options,
      state: 'pending',
      queue: 'orders',
    });
  });

  test.each<[string, object]>([
    ['a priority out of range', { priority: 8 }],
    ['half a priority', { priority: 1.5 }],
    ['a priority that is no number', { priority: '3' }],
    ['an id that is no UUID', { id: 'order-17' }],
    ['the zero id', { id: '00000000-0000-0000-0000-000000000000' }],
    ['a label that is too long', { label: 'x'.repeat(251) }],
    [
      'too many headers',
      { headers: Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`h${n}`, ''])) },
    ],
    ['a header that is no text', { headers: { n: 1 } }],
    ['an option that does not exist', { prioritty: 5 }],
    ['text as JSON bytes', { contentType: 'image/png' }],
  ])('%s is refused', async (_, options) => {
    const device = await ScriptedDevice.open();
    expect(await codeOf(device.post.queue('orders').send({ n: 1 }, options))).toBe('invalid-argument');
    expect(device.database.segments.size).toBe(0);
  });

  test.each(['', 'Orders', '../x', 'a b', 'x'.repeat(129), '-x', '__proto__'])(
    '%j names no queue',
    async (name) => {
      const device = await ScriptedDevice.open();
      expect(() => device.post.queue(name)).toThrow(FieldpostError);
    },
  );

  test('names that mean something to JavaScript are queues like others', async () => {
    const device = await ScriptedDevice.open();
    await device.post.queue('constructor').send(1);
    await device.post.queue('constructor').send(2);
    const runs = runsOf(await device.greet());
    expect(numbersOf(runs)).toEqual(['1-2']);
  });
});

describe('messages set aside', () => {
  test('one sent again is a new message that names the old one, which is gone', async () => {
    const device = await deviceWithRefusal();
    const [old] = await device.post.outbox.list({ state: 'refused' });
    const sent = await device.post.outbox.retry(old?.id ?? '');
    expect(sent.id).not.toBe(old?.id);
    expect(await device.post.outbox.list({ state: 'refused' })).toEqual([]);
    expect(await device.post.outbox.get(sent.id)).toMatchObject({
      body: { n: 1 },
      label: 'first',
      priority: 5,
    });
    await device.settle();
    expect(device.post.status.get()).toMatchObject({ deadLetters: 0, pending: 1 });
  });

  test('one can be sent again with another body, or forgotten', async () => {
    const device = await deviceWithRefusal();
    const [old] = await device.post.outbox.list({ state: 'refused' });
    const sent = await device.post.outbox.retry(old?.id ?? '', { n: 2 });
    expect((await device.post.outbox.get(sent.id))?.body).toEqual({ n: 2 });
    expect(await device.post.outbox.discard(old?.id ?? '')).toBe(false);
    expect(await codeOf(device.post.outbox.retry(old?.id ?? ''))).toBe('not-found');
  });

  test('one that is forgotten is counted no more', async () => {
    const device = await deviceWithRefusal();
    const [old] = await device.post.outbox.list({ state: 'refused' });
    expect(await device.post.outbox.discard(old?.id ?? '')).toBe(true);
    await device.settle();
    expect(device.post.status.get().deadLetters).toBe(0);
  });
});

function countSaves(database: MemoryDatabase): () => number {
  let saves = 0;
  database.fault = (operation) => {
    if (operation === 'save') saves++;
    return 'none';
  };
  return () => saves;
}

/** Saves through this store wait to begin until they are released. */
function holdSaves(store: OutboxStore): { readonly store: OutboxStore; release(): void } {
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const holding: OutboxStore = {
    open: (request) => store.open(request),
    save: async (epoch, decide) => {
      await released;
      return store.save(epoch, decide);
    },
    readLog: () => store.readLog(),
    loadSegments: (request) => store.loadSegments(request),
    listSegments: (request) => store.listSegments(request),
    settle: (holder, settlement) => store.settle(holder, settlement),
    offer: (holder, offering) => store.offer(holder, offering),
    cancel: (place) => store.cancel(place),
    listFates: (ranges) => store.listFates(ranges),
    reopen: (holder, reopening) => store.reopen(holder, reopening),
    renewDevice: (request) => store.renewDevice(request),
    trim: (request) => store.trim(request),
    lease: (request) => store.lease(request),
    find: (id) => store.find(id),
    listDeadLetters: () => store.listDeadLetters(),
    discardDeadLetter: (id) => store.discardDeadLetter(id),
    close: () => store.close(),
  };
  return { store: holding, release };
}

async function deviceWithRefusal(): Promise<ScriptedDevice> {
  const device = await ScriptedDevice.open();
  const sent = await device.post.queue('orders').send({ n: 1 }, { label: 'first', priority: 5 });
  const connection = await device.greet();
  const [run] = runsOf(connection);
  if (run === undefined) throw new Error('nothing was pushed');
  const refusals = [{ number: 1, id: sent.id, code: 'schema-mismatch' }];
  connection.answer({ type: 'ack', streams: [{ ...state(run, 1, sent.id), refusals }] });
  await device.settle();
  return device;
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = { value };
  return value;
}
