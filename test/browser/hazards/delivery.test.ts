import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { HazardStage, numbered, send, statusOf, untilStatus } from '../../support/hazard-stage.ts';
import { startLimitingProxy } from '../../support/limiting-proxy.ts';
import { until } from '../../support/until.ts';

// Hazards on the way from a real Chromium to a real gateway: each really happens, and the test fails when it did not.

let stage: HazardStage;
beforeAll(async () => {
  stage = await HazardStage.start();
});
afterEach(() => stage.clear());
afterAll(() => stage.stop());

test('hazard 7: a save that was committed and never heard of, sent again under its id, is one message', async () => {
  const tablet = await stage.tablet();
  let page = await stage.connectedTab(tablet);
  const ids: string[] = [];
  let foundSaved = 0;
  for (let round = 0; round < 12; round++) {
    const id = crypto.randomUUID();
    ids.push(id);
    // The page goes away right after the call: nobody hears whether it was saved.
    await page.evaluate((own) => void globalThis.tablet.post?.queue('unheard').send(own, { id: own }), id);
    await page.reload();
    await page.waitForFunction('globalThis.tablet');
    await stage.connect(page);
    foundSaved += await page.evaluate(async (own) => {
      const { post } = globalThis.tablet;
      const found = (await post?.outbox.get(own)) === undefined ? 0 : 1;
      await post?.queue('unheard').send(own, { id: own });
      return found;
    }, id);
  }
  await stage.expectDelivered('unheard', ids, 'in order');
  expect(foundSaved, 'saves that nobody heard of').toBeGreaterThan(0);
  page = await stage.tab(tablet);
});

test.each(['socket', 'http'] as const)(
  'hazard 8: over %s, with the answer lost after every commit, all is delivered once and in order',
  async (transport) => {
    const queue = `answers-${transport}`;
    const tablet = await stage.tablet();
    const page = await stage.connectedTab(tablet, { transport });
    const wanted = numbered('answer', 8);
    for (const [index, body] of wanted.entries()) {
      await untilStatus(page, 'all before is settled', ({ online, pending }) => online && pending === 0);
      const before = stage.proxy.counters.faults['cut-after-down'];
      stage.proxy.setMode({ kind: 'cut-after', direction: 'down', bytes: 0 });
      await send(page, queue, [body]);
      await until(() => stage.proxy.counters.faults['cut-after-down'] > before, {
        what: 'the answer is lost',
      });
      // The gateway has it, and the tablet was not told.
      await until(async () => (await stage.bodiesAt(queue)).length === index + 1, {
        what: 'the gateway has it',
      });
    }
    await untilStatus(page, 'all is settled', ({ pending }) => pending === 0);
    await stage.expectDelivered(queue, wanted, 'in order');
  },
);

test('hazard 9: a browser killed while messages are on their way goes on where it was', async () => {
  const tablet = await stage.tablet();
  const wanted = numbered('killed-'.repeat(200), 3000);
  const page = await stage.connectedTab(tablet);
  await untilStatus(page, 'it is online', ({ online }) => online);
  stage.goOffline();
  for (let at = 0; at < wanted.length; at += 300) await send(page, 'killed', wanted.slice(at, at + 300));
  for (let kills = 0; kills < 2; kills++) {
    const taken = await stage.drainPartly('killed', 300_000);
    await tablet.kill();
    expect(taken, 'the drain was over before the kill').toBeLessThan(wanted.length);
    await tablet.start();
    await stage.connectedTab(tablet);
  }
  stage.goOnline();
  await stage.expectDelivered('killed', wanted, 'in order');
});

test('hazard 10: a frozen tab that keeps the lock does not keep the others from delivering', async () => {
  const tablet = await stage.tablet();
  const leader = await stage.connectedTab(tablet);
  await untilStatus(leader, 'it leads', ({ state }) => state === 'online');
  const other = await stage.connectedTab(tablet);
  // Stopped in the middle of its script: nothing in it runs, and what it holds it keeps.
  const devTools = await tablet.devTools(leader);
  await devTools.send('Debugger.enable');
  const paused = new Promise((resolve) => {
    devTools.once('Debugger.paused', resolve);
  });
  let resumed = false;
  devTools.once('Debugger.resumed', () => {
    resumed = true;
  });
  await devTools.send('Debugger.pause');
  const script = leader.evaluate(() => globalThis.tablet.count);
  await paused;
  const locks = await other.evaluate(async () => (await navigator.locks.query()).held?.length);
  expect(locks, 'the frozen tab still holds the lock').toBe(1);
  await send(other, 'frozen', ['from the other tab']);
  await stage.expectDelivered('frozen', ['from the other tab'], 'in order');
  expect(resumed, 'it was frozen all the time').toBe(false);
  await devTools.send('Debugger.resume');
  await script;
  await send(leader, 'frozen', ['from the thawed tab']);
  await stage.expectDelivered('frozen', ['from the other tab', 'from the thawed tab'], 'in order');
});

test('hazard 10: two tabs that both believe they lead deliver everything once', async () => {
  const tablet = await stage.tablet();
  const tabs = [await stage.tab(tablet), await stage.tab(tablet)];
  for (const page of tabs) {
    await page.evaluate(
      async ({ gateway, token }) => {
        const { connect, createIndexedDbOutboxStore } = globalThis.tablet;
        const store = createIndexedDbOutboxStore({ name: 'fieldpost' });
        // Whoever asks gets lock and lease.
        const lease: typeof store.lease = async (request) => {
          const { holder, now } = request;
          await store.lease({ holder, until: 1, now: 0 });
          await store.lease({ ...request, now: now + 1e6 });
          return { holder, until: request.until };
        };
        // An answer that is not written down, as another tab took the lease meanwhile: both believed.
        const settle: typeof store.settle = async (holder, settlement) => {
          const held = await store.settle(holder, settlement);
          if (!held) globalThis.tablet.count++;
          return held;
        };
        globalThis.tablet.post = await connect({
          gateway,
          token: () => token,
          surroundings: {
            store: { ...store, lease, settle },
            leaderLock: {
              acquire: (_name, listener) => {
                queueMicrotask(() => listener.held());
                return () => undefined;
              },
            },
          },
        });
      },
      { gateway: `http://127.0.0.1:${stage.proxy.port}`, token: stage.token },
    );
  }
  const clashes = async (): Promise<number> =>
    Math.max(...(await Promise.all(tabs.map((page) => page.evaluate(() => globalThis.tablet.count)))));
  const most = tabs.map((_, tab) => numbered(`leader${tab}`, 1000));
  let sent = 0;
  // Until they have clashed: when they do is a matter of who is faster.
  for (let hasClashed = false; sent < 100 || (!hasClashed && sent < 1000); sent += 10) {
    await Promise.all(
      tabs.map((page, tab) => send(page, 'leaders', most[tab]?.slice(sent, sent + 10) ?? [])),
    );
    hasClashed = (await clashes()) > 0;
  }
  const wanted = most.map((own) => own.slice(0, sent));
  await stage.expectDelivered('leaders', wanted.flat(), 'in any order');
  const bodies = await stage.bodiesAt('leaders');
  for (const [tab, own] of wanted.entries()) {
    expect(bodies.filter((body) => String(body).startsWith(`leader${tab}-`))).toEqual(own);
  }
  expect(await clashes(), 'answers that came to a tab whose lease another had taken').toBeGreaterThan(0);
});

test('hazard 15: a network that answers 413 to large requests gets smaller ones', async () => {
  const limit = await startLimitingProxy(() => stage.gateway.port, 20_000);
  try {
    const tablet = await stage.tablet();
    const page = await stage.connectedTab(tablet, { transport: 'http', gateway: limit.url });
    await untilStatus(page, 'it is online', ({ online }) => online);
    const wanted = numbered('x'.repeat(500), 300);
    await send(page, 'limited', wanted);
    await stage.expectDelivered('limited', wanted, 'in order');
    await untilStatus(page, 'all is settled', ({ pending }) => pending === 0);
    expect(limit.refused(), 'requests answered 413').toBeGreaterThan(0);
  } finally {
    await limit.stop();
  }
});

test('hazard 15: a message larger than its queue takes is refused and kept, and the rest flows', async () => {
  const response = await fetch(`${stage.gateway.url}/v1/queues/small`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${stage.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ maxBodyBytes: 1000 }),
  });
  expect(response.ok).toBe(true);
  const tablet = await stage.tablet();
  const page = await stage.connectedTab(tablet);
  const large = 'x'.repeat(2000);
  await send(page, 'small', ['one', 'two', large, 'four', 'five']);
  await stage.expectDelivered('small', ['one', 'two', 'four', 'five'], 'in order');
  await untilStatus(
    page,
    'one is set aside',
    ({ pending, deadLetters }) => pending === 0 && deadLetters === 1,
  );
  const refused = await page.evaluate(async () => {
    const list = (await globalThis.tablet.post?.outbox.list({ state: 'refused' })) ?? [];
    return list.map(({ code, body }) => ({ code, body }));
  });
  expect(refused).toEqual([{ code: 'too-large', body: large }]);
});

test('hazard 16: a poison message in the middle is refused, and everything around it is delivered', async () => {
  const tablet = await stage.tablet();
  const page = await stage.connectedTab(tablet);
  await untilStatus(page, 'it is online', ({ online }) => online);
  stage.goOffline();
  await send(page, 'poison', ['one', 'two']);
  // Saved intact by a release with a mistake: its properties cannot be read.
  await page.evaluate(async () => {
    const { createIndexedDbOutboxStore, encodeMessage, messageIdFrom, packEntries } = globalThis.tablet;
    const store = createIndexedDbOutboxStore({ name: 'fieldpost' });
    const random = (length: number): Uint8Array<ArrayBuffer> =>
      crypto.getRandomValues(new Uint8Array(length));
    const marker = localStorage.getItem('fieldpost.device');
    await store.open({ device: marker as never, marker: undefined });
    const epoch = Array.from(random(16), (byte) => byte.toString(16).padStart(2, '0')).join('') as never;
    const messages = ['before', 'poisoned', 'after'].map((text) => {
      const body = new TextEncoder().encode(JSON.stringify(text));
      return encodeMessage({ id: messageIdFrom(Date.now(), random(10)), properties: { label: 'x' }, body });
    });
    messages[1]?.fill(0xc1, 18, 20);
    const stream = { epoch, queue: 'poison', priority: 3 };
    const segment = { stream, first: 1, count: 3, messages: packEntries(messages), savedAt: Date.now() };
    await store.save(epoch, () => ({ type: 'write', write: crypto.randomUUID(), segments: [segment] }));
    await store.close();
  });
  await send(page, 'poison', ['three']);
  stage.goOnline();
  await stage.expectDelivered('poison', ['one', 'two', 'before', 'after', 'three'], 'in order');
  await untilStatus(
    page,
    'it is set aside',
    ({ pending, deadLetters }) => pending === 0 && deadLetters === 1,
  );
  expect((await statusOf(page)).problems).toEqual([]);
});
