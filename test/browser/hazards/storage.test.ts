import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { ChromiumProfile } from '../../support/chromium-profile.ts';
import { HazardStage, numbered, send, statusOf, untilStatus } from '../../support/hazard-stage.ts';

// Hazards of local storage: each really happens to a real Chromium, and the test fails when it did not.

let stage: HazardStage;
beforeAll(async () => {
  stage = await HazardStage.start();
});
afterEach(() => stage.clear());
afterAll(() => stage.stop());

test('hazard 1: a handle that dies under saves and under a drain is replaced, and all is delivered once', async () => {
  const tablet = await stage.tablet();
  const page = await stage.connectedTab(tablet);
  await page.evaluate(() => {
    // Every seventh transaction finds its handle closed: the browser's own error follows.
    const { prototype } = IDBDatabase;
    const original = prototype.transaction;
    let calls = 0;
    prototype.transaction = function (...call) {
      if (++calls % 7 === 0) {
        this.close();
        globalThis.tablet.count++;
      }
      return original.apply(this, call);
    };
  });
  const wanted = numbered('dead', 60);
  for (const body of wanted) await send(page, 'dead', [body]);
  await stage.expectDelivered('dead', wanted, 'in order');
  await untilStatus(page, 'all is settled', ({ pending, storage }) => pending === 0 && storage === 'ready');
  expect(await page.evaluate(() => globalThis.tablet.count), 'handles that died').toBeGreaterThan(5);
});

test('hazard 2: opening that hangs behind an old tab is given up, and works when that tab lets go', async () => {
  const tablet = await stage.tablet();
  const old = await stage.tab(tablet);
  const fresh = await stage.tab(tablet);
  await old.evaluate(async () => {
    // A tab that does not make way, and a deletion that waits for it: whoever opens now hears nothing at all.
    const request = indexedDB.open('fieldpost');
    const db = await new Promise<IDBDatabase>((resolve) => {
      request.addEventListener('success', () => resolve(request.result));
    });
    const deletion = indexedDB.deleteDatabase('fieldpost');
    await new Promise((resolve) => {
      deletion.addEventListener('blocked', resolve);
    });
    Reflect.set(globalThis, 'letGo', () => db.close());
  });
  const code = await fresh.evaluate(async (token) => {
    const { connect, createIndexedDbOutboxStore } = globalThis.tablet;
    const store = createIndexedDbOutboxStore({ name: 'fieldpost', openTimeoutMs: 500 });
    try {
      await connect({ gateway: 'http://127.0.0.1:9', token: () => token, surroundings: { store } });
      return 'opened';
    } catch (error) {
      return error instanceof Error ? Reflect.get(error, 'code') : 'no error';
    }
  }, stage.token);
  expect(code).toBe('storage-blocked');
  await old.evaluate(() => Reflect.get(globalThis, 'letGo')());
  await stage.connect(fresh);
  await send(fresh, 'blocked', ['after']);
  await stage.expectDelivered('blocked', ['after'], 'in order');
});

test.each(['removed', 'overwritten with garbage'])(
  'hazard 3: a database found %s is reported lost, and the tablet goes on',
  async (harm) => {
    const queue = `lost-${harm.slice(0, 3)}`;
    const tablet = await stage.tablet();
    const before = await stage.connectedTab(tablet);
    await send(before, queue, ['before']);
    await stage.expectDelivered(queue, ['before'], 'in order');
    await tablet.close();
    harmDatabase(tablet, harm);

    await tablet.start();
    const after = await stage.connectedTab(tablet);
    const { problems } = await statusOf(after);
    expect(problems.map(({ code }) => code)).toContain('storage-lost');
    await send(after, queue, ['after']);
    await stage.expectDelivered(queue, ['before', 'after'], 'in order');
  },
);

test('hazard 3: site data that is cleared under an open tab is reported lost, and the tab goes on', async () => {
  const tablet = await stage.tablet();
  const page = await stage.connectedTab(tablet);
  await send(page, 'cleared', ['before']);
  await stage.expectDelivered('cleared', ['before'], 'in order');
  await untilStatus(page, 'all is settled', ({ pending }) => pending === 0);
  stage.goOffline();
  await send(page, 'cleared', ['gone']);
  const devTools = await tablet.devTools(page);
  const { origin } = stage.server;
  await devTools.send('Storage.clearDataForOrigin', { origin, storageTypes: 'indexeddb' });
  await send(page, 'cleared', ['after']);
  const { problems } = await statusOf(page);
  expect(problems.map(({ code }) => code)).toContain('storage-lost');
  stage.goOnline();
  await stage.expectDelivered('cleared', ['before', 'after'], 'in order');
  await untilStatus(page, 'all is settled', ({ pending }) => pending === 0);
});

test('hazard 5: a transaction that is aborted after its requests succeeded saves nothing half and nothing twice', async () => {
  const tablet = await stage.tablet();
  const page = await stage.connectedTab(tablet);
  await page.evaluate(() => {
    // Every fifth save is not committed: once its last record has been written, its transaction is aborted.
    const lastWrite = new WeakMap<IDBTransaction, IDBRequest>();
    for (const method of ['add', 'put'] as const) {
      const write = IDBObjectStore.prototype[method];
      IDBObjectStore.prototype[method] = function (...call) {
        const request = write.apply(this, call);
        if (this.name === 'segments') lastWrite.set(this.transaction, request);
        return request;
      };
    }
    const commit = IDBTransaction.prototype.commit;
    let saves = 0;
    IDBTransaction.prototype.commit = function () {
      const request = lastWrite.get(this);
      if (request === undefined || ++saves % 5 !== 0) return commit.call(this);
      request.addEventListener('success', () => {
        this.abort();
        globalThis.tablet.count++;
      });
    };
  });
  const wanted = numbered('abort', 40);
  for (const body of wanted) await send(page, 'abort', [body]);
  await stage.expectDelivered('abort', wanted, 'in order');
  expect(await page.evaluate(() => globalThis.tablet.count), 'aborted transactions').toBeGreaterThan(5);
});

test('hazard 5: with the quota used up a send says so, what waits still goes out, and space brings sends back', async () => {
  const tablet = await stage.tablet();
  const page = await stage.tab(tablet);
  const { origin } = stage.server;
  const devTools = await tablet.devTools(page);
  // Before the first use: Chromium remembers for a while how much space there was.
  await devTools.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 5_000_000 });
  await stage.connect(page);
  await untilStatus(page, 'it is online', ({ online }) => online);
  stage.goOffline();
  const saved = await page.evaluate(async () => {
    const { post, randomText } = globalThis.tablet;
    const sizes: number[] = [];
    // Smaller and smaller, until nothing fits.
    for (const size of [200_000, 20_000, 2000, 50]) {
      for (let full = false; !full && sizes.length < 10_000;) {
        try {
          await post?.queue('full').send(randomText(size));
          sizes.push(size);
        } catch (error) {
          if (!(error instanceof Error) || Reflect.get(error, 'code') !== 'storage-full') throw error;
          full = true;
        }
      }
    }
    return sizes;
  });
  expect(saved.length, 'messages that fitted').toBeGreaterThan(10);
  expect((await statusOf(page)).storage).toBe('full');

  stage.goOnline();
  await untilStatus(page, 'all is settled', ({ pending }) => pending === 0);
  const bodies = await stage.bodiesAt('full');
  expect(bodies.map((body) => String(body).length)).toEqual(saved);
  expect(await hasReserve(page), 'the reserve was not needed, so space was not used up').toBe(false);
  await devTools.send('Storage.overrideQuotaForOrigin', { origin });
  await send(page, 'full', ['space again']);
  await untilStatus(page, 'all is settled', ({ pending, storage }) => pending === 0 && storage === 'ready');
});

test('hazard 23: a record whose file is gone is set aside and skipped, and the rest flows', async () => {
  const tablet = await stage.tablet();
  const page = await stage.connectedTab(tablet);
  await untilStatus(page, 'it is online', ({ online }) => online);
  stage.goOffline();
  // Chromium keeps large values in files of their own.
  const large = await page.evaluate(() => globalThis.tablet.randomText(300_000));
  for (const body of ['one', large, 'three']) await send(page, 'unreadable', [body]);
  await tablet.close();
  expect(removeLargestValue(tablet), 'bytes removed').toBeGreaterThan(300_000);

  stage.goOnline();
  await tablet.start();
  const again = await stage.connectedTab(tablet);
  await stage.expectDelivered('unreadable', ['one', 'three'], 'in order');
  await untilStatus(
    again,
    'it is set aside',
    ({ deadLetters, pending }) => deadLetters === 1 && pending === 0,
  );
  await send(again, 'unreadable', ['four']);
  await stage.expectDelivered('unreadable', ['one', 'three', 'four'], 'in order');
});

function hasReserve(page: Page): Promise<boolean> {
  return page.evaluate(async () => {
    const request = indexedDB.open('fieldpost');
    const db = await new Promise<IDBDatabase>((resolve) => {
      request.addEventListener('success', () => resolve(request.result));
    });
    const count = db.transaction('state').objectStore('state').count('reserve');
    await new Promise((resolve) => {
      count.addEventListener('success', resolve);
    });
    db.close();
    return count.result === 1;
  });
}

function databaseFolder(tablet: ChromiumProfile, suffix: string): string {
  const indexedDb = join(tablet.folder, 'Default', 'IndexedDB');
  const port = new URL(stage.server.origin).port;
  const name = readdirSync(indexedDb).find((entry) => entry.includes(`_${port}.`) && entry.endsWith(suffix));
  if (name === undefined) throw new Error(`no database of port ${port} in ${readdirSync(indexedDb).join()}`);
  return join(indexedDb, name);
}

/** Local storage, with the marker in it, stays. */
function harmDatabase(tablet: ChromiumProfile, harm: string): void {
  const folder = databaseFolder(tablet, '.leveldb');
  if (harm === 'removed') return rmSync(folder, { recursive: true });
  for (const file of readdirSync(folder)) {
    if (/^(?:MANIFEST|CURRENT)/.test(file)) writeFileSync(join(folder, file), 'garbage');
  }
}

/** Removes the file of a value that Chromium keeps outside the database; not the store's reserve, which is larger. */
function removeLargestValue(tablet: ChromiumProfile): number {
  const folder = databaseFolder(tablet, '.blob');
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const path = join(folder, file);
    const { size } = statSync(path);
    if (size < 300_000 || size > 400_000) continue;
    rmSync(path);
    return size;
  }
  return 0;
}
