import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { HazardStage, numbered, send, untilStatus } from '../../support/hazard-stage.ts';

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
  await untilStatus(page, 'it is online', ({ online }) => online);
  stage.goOffline();
  const wanted = numbered('reload-'.repeat(200), 3000);
  for (let at = 0; at < wanted.length; at += 300) await send(page, 'reload', wanted.slice(at, at + 300));
  for (let reloads = 0; reloads < 2; reloads++) {
    const taken = await stage.drainPartly('reload', 300_000);
    expect(taken, 'the drain was over before the reload').toBeLessThan(wanted.length);
    await page.reload();
    await page.waitForFunction('globalThis.tablet');
    await stage.connect(page);
  }
  stage.goOnline();
  await stage.expectDelivered('reload', wanted, 'in order');
});
