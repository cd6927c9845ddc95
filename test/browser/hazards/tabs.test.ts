import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { HazardStage, numbered, send, untilStatus } from '../../support/hazard-stage.ts';
import { until } from '../../support/until.ts';

let stage: HazardStage;
beforeAll(async () => {
  stage = await HazardStage.start();
});
afterEach(() => stage.clear());
afterAll(() => stage.stop());

test.each([2, 5])('%i tabs that send and drain at once deliver everything once', async (count) => {
  const queue = `tabs-${count}`;
  const tablet = await stage.tablet();
  const tabs = await Promise.all(Array.from({ length: count }, () => stage.connectedTab(tablet)));
  const wanted = tabs.map((_, tab) => numbered(`tab${tab}`, 300));
  await Promise.all(tabs.map((page, tab) => send(page, queue, wanted[tab] ?? [])));
  await stage.expectDelivered(queue, wanted.flat(), 'in any order');
  const bodies = await stage.bodiesAt(queue);
  for (const [tab, own] of wanted.entries()) {
    expect(bodies.filter((body) => String(body).startsWith(`tab${tab}-`))).toEqual(own);
  }
  for (const page of tabs) await untilStatus(page, 'nothing is pending', ({ pending }) => pending === 0);
});

test('a tab that is reloaded while it drains delivers everything once and in order', async () => {
  const tablet = await stage.tablet();
  const page = await stage.connectedTab(tablet);
  stage.goOffline();
  const wanted = numbered('reload', 2000);
  for (let at = 0; at < wanted.length; at += 200) await send(page, 'reload', wanted.slice(at, at + 200));
  let reloads = 0;
  stage.proxy.setMode({ kind: 'cut-after', direction: 'up', bytes: 20_000 });
  for (; reloads < 3; reloads++) {
    await page.reload();
    await page.waitForFunction('globalThis.tablet');
    await stage.connect(page);
    const before = stage.proxy.counters.bytesUp;
    await until(() => stage.proxy.counters.bytesUp > before, { withinMs: 30_000, what: 'it drains' });
  }
  stage.goOnline();
  await stage.expectDelivered('reload', wanted, 'in order');
});
