import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { GatewayClient } from '@fieldpost/demo-app/server/gateway-client.ts';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/until.ts';
import { DemoStage, RepBrowser, startChromium } from './demo-stage.ts';

const PAPER = 'Xerox 1986';
const TABLE = 'Bretford CR4500 Series Slim Rectangular Table';

let browser: Browser;
beforeAll(async () => {
  browser = await startChromium();
});
afterAll(async () => {
  await browser.close();
});

test('an order taken online is delivered, booked once, and seen in the back office', async () => {
  await using stage = await DemoStage.open();
  const rep = await RepBrowser.open(browser, stage.url);
  await rep.signIn('Maya Lindqvist');
  const id = await rep.takeOrder('Claire Gute', [TABLE, PAPER]);
  await rep.waitForState(id, 'Delivered');
  await rep.waitForBadge('Online');

  const office = await rep.context.newPage();
  await office.goto(`${stage.url}/office`);
  const row = office.locator(`tr[data-order="${id}"]`);
  await row.waitFor();
  const shown = await row.innerText();
  const [booking] = stage.books().recent;
  expect(booking).toMatchObject({ orderId: id, customer: 'Claire Gute', rep: 'Maya Lindqvist', lines: 2 });
  expect(shown).toContain('Claire Gute');
  expect(stage.books()).toMatchObject({
    orders: 1,
    lines: 2,
    total: booking?.total,
    repeated: 0,
    setAside: 0,
  });
  expect(rep.complaints).toEqual([]);
  await rep.close();
});

test('quantity and discount change the total at once, exactly', async () => {
  await using stage = await DemoStage.open();
  const rep = await RepBrowser.open(browser, stage.url);
  await rep.signIn('Tomas Okafor');
  const { page } = rep;
  await page.getByRole('link', { name: 'Take the first order' }).click();
  await page.getByRole('searchbox', { name: /Search customers/ }).fill('Claire');
  await page.getByRole('button', { name: 'Claire Gute' }).click();
  await page.getByRole('searchbox', { name: 'Search products' }).fill(TABLE);
  await page.getByRole('button', { name: `Add ${TABLE}` }).click();
  const order = page.getByRole('region', { name: 'The order being taken' });
  await order.getByRole('textbox', { name: `Quantity of ${TABLE}` }).fill('5');
  await order.getByRole('textbox', { name: `Quantity of ${TABLE}` }).press('Enter');
  await order.getByRole('combobox', { name: `Discount on ${TABLE}` }).selectOption({ label: '−30 %' });
  // 5 × 348.21 less 30 %
  await order.getByText('$1,218.74').first().waitFor();

  // The draft is on disk: a reload in the middle of the order loses nothing.
  await page.reload();
  await order.getByText('$1,218.74').first().waitFor();
  await order.getByRole('button', { name: 'Save order' }).click();
  await page.waitForURL(/\/orders\//);
  await until(() => stage.books().orders === 1, { what: 'the order is booked', withinMs: 30_000 });
  expect(stage.books().total).toBe(12_187_350);
  await rep.close();
});

test('with gateway and server gone it reloads, takes orders and keeps them; back again, each arrives once', async () => {
  await using stage = await DemoStage.open();
  const rep = await RepBrowser.open(browser, stage.url);
  await rep.signIn('Maya Lindqvist');
  const before = await rep.takeOrder('Claire Gute', [TABLE]);
  await rep.waitForState(before, 'Delivered');

  await stage.gateway.kill9();
  await stage.stopServer();
  await rep.page.reload();
  await rep.waitForBadge('Offline');
  const first = await rep.takeOrder('Darrin Van Huff', [PAPER]);
  await rep.waitForState(first, 'Saved here');
  const second = await rep.takeOrder('Andrew Allen', [TABLE, PAPER]);
  await rep.waitForState(second, 'Saved here');
  await rep.waitForBadge('Offline · 2 waiting');
  // To be offline is no trouble, and nothing that needs the rep's attention.
  expect(await rep.page.getByRole('alert').count()).toBe(0);
  await rep.page.reload();
  await rep.waitForState(first, 'Saved here');
  await rep.waitForState(second, 'Saved here');

  await stage.gateway.restart();
  await stage.startServer();
  // Booked orders are known by their ids; in the queue a doubled one would stand twice.
  await switchBooking(stage, 'pause');
  await rep.waitForState(first, 'Delivered');
  await rep.waitForState(second, 'Delivered');
  expect((await ordersInQueue(stage)) + stage.books().orders).toBe(3);
  await switchBooking(stage, 'resume');
  await until(() => stage.books().orders === 3, { what: 'all three are booked', withinMs: 30_000 });
  const { recent, repeated, setAside } = stage.books();
  expect(recent.map(({ orderId }) => orderId)).toEqual([second, first, before]);
  expect({ repeated, setAside }).toEqual({ repeated: 0, setAside: 0 });
  expect(rep.complaints).toEqual([]);
  await rep.close();
});

test('with the network cut at the device the app starts, and sends by itself when it is back', async () => {
  await using stage = await DemoStage.open();
  const rep = await RepBrowser.open(browser, stage.url);
  await rep.signIn('Priya Castell');
  await rep.context.setOffline(true);
  await rep.page.reload();
  const id = await rep.takeOrder('Claire Gute', [PAPER]);
  await rep.waitForState(id, 'Saved here');
  await rep.context.setOffline(false);
  await rep.waitForState(id, 'Delivered');
  await until(() => stage.books().orders === 1, { what: 'the order is booked', withinMs: 30_000 });
  await rep.close();
});

test('a crash on either side of saving the message neither loses nor doubles the order', async () => {
  await using stage = await DemoStage.open();
  const rep = await RepBrowser.open(browser, stage.url);
  await rep.signIn('Maya Lindqvist');
  const sent = await rep.takeOrder('Claire Gute', [PAPER]);
  await rep.waitForState(sent, 'Delivered');

  // As if it had ended after the message was saved and before the row said so; and, with another id, before the message.
  const unsent = '01a208a5-b32c-7b02-877b-51e7294a7fbc';
  await rep.page.evaluate(
    async ({ sentId, unsentId }) => {
      const database = await new Promise<IDBDatabase>((resolve, reject) => {
        const opening = indexedDB.open('satchel');
        opening.onsuccess = () => resolve(opening.result);
        opening.onerror = () => reject(new Error('satchel does not open'));
      });
      const transaction = database.transaction('orders', 'readwrite', { durability: 'strict' });
      const orders = transaction.objectStore('orders');
      const reading = orders.get(sentId);
      reading.onsuccess = () => {
        const row = { ...reading.result, state: 'saving' };
        orders.put(row);
        orders.put({ ...row, id: unsentId, messageId: unsentId, order: { ...row.order, id: unsentId } });
      };
      await new Promise<void>((resolve) => transaction.addEventListener('complete', () => resolve()));
      database.close();
    },
    { sentId: sent, unsentId: unsent },
  );
  await rep.page.reload();
  await rep.waitForState(sent, 'Delivered');
  await rep.waitForState(unsent, 'Delivered');
  await until(() => stage.books().orders === 2, { what: 'both orders are booked', withinMs: 30_000 });
  const { recent, repeated } = stage.books();
  expect(recent.map(({ orderId }) => orderId)).toEqual([unsent, sent]);
  expect(repeated).toBe(0);
  await rep.close();
});

test('a lost outbox is reported, and what it held can be sent again without being doubled', async () => {
  await using stage = await DemoStage.open();
  const rep = await RepBrowser.open(browser, stage.url);
  await rep.signIn('Maya Lindqvist');
  await stage.gateway.stop();
  const id = await rep.takeOrder('Claire Gute', [PAPER]);
  await rep.waitForState(id, 'Saved here');

  // The back office has the same origin and leaves the outbox alone, so it can be taken away there.
  await rep.page.goto(`${stage.url}/office`);
  const deleted = await rep.page.evaluate(async () => {
    const outboxes = (await indexedDB.databases()).flatMap(({ name = '' }) =>
      name === 'satchel' ? [] : name,
    );
    for (const name of outboxes) {
      await new Promise<void>((resolve, reject) => {
        const deleting = indexedDB.deleteDatabase(name);
        deleting.onsuccess = () => resolve();
        deleting.onblocked = () => reject(new Error(`${name} is still open`));
      });
    }
    return outboxes.length;
  });
  expect(deleted).toBe(1);
  await stage.gateway.restart();
  await rep.page.goto(stage.url);
  await rep.page.getByRole('alert').getByText('This browser lost what the app had stored').waitFor();
  await rep.waitForState(id, 'Unclear');
  await rep.page.getByRole('button', { name: 'Send again' }).click();
  await rep.waitForState(id, 'Delivered');
  await until(() => stage.books().orders === 1, { what: 'the order is booked', withinMs: 30_000 });
  expect(stage.books().recent[0]?.orderId).toBe(id);
  await rep.close();
});

test('a refused order says why, stays, and goes out when it is sent again', async () => {
  await using stage = await DemoStage.open();
  const rep = await RepBrowser.open(browser, stage.url);
  await rep.signIn('Maya Lindqvist');
  await limitBodies(stage, 16);
  const id = await rep.takeOrder('Claire Gute', [PAPER]);
  await rep.waitForState(id, 'Refused');
  await rep.page.getByText('The order is too large to be sent').waitFor();
  await rep.page.reload();
  await rep.waitForState(id, 'Refused');

  await limitBodies(stage, 1_000_000);
  await rep.page.getByRole('button', { name: 'Send again' }).click();
  await rep.waitForState(id, 'Delivered');
  await until(() => stage.books().orders === 1, { what: 'the order is booked', withinMs: 30_000 });
  expect(stage.books().recent[0]?.orderId).toBe(id);
  await rep.close();
});

test('an order of a trainee is refused by the gateway, and can be given up', async () => {
  await using stage = await DemoStage.open();
  const rep = await RepBrowser.open(browser, stage.url);
  await rep.signIn('Nico Brandt');
  const id = await rep.takeOrder('Claire Gute', [PAPER]);
  await rep.waitForState(id, 'Refused');
  await rep.page.getByText('The office does not allow you to send orders').waitFor();
  await rep.page.getByRole('button', { name: 'Discard', exact: true }).click();
  await rep.page.getByRole('button', { name: 'Discard the order' }).click();
  await rep.waitForState(id, 'Discarded');
  await rep.page.reload();
  await rep.waitForState(id, 'Discarded');
  expect(stage.books().orders).toBe(0);
  await rep.close();
});

test('with booking paused orders line up in the back office, and are booked when it goes on', async () => {
  await using stage = await DemoStage.open();
  const rep = await RepBrowser.open(browser, stage.url);
  await rep.signIn('Jonah Whitfield');
  const office = await rep.context.newPage();
  await office.goto(`${stage.url}/office`);
  await office.getByRole('button', { name: 'Pause booking' }).click();
  await office.getByRole('button', { name: 'Book orders again' }).waitFor();
  const id = await rep.takeOrder('Claire Gute', [PAPER]);
  await rep.waitForState(id, 'Delivered');
  await office.getByRole('region', { name: 'Waiting in the queue' }).getByText('Claire Gute').waitFor();
  expect(stage.books().orders).toBe(0);
  await office.getByRole('button', { name: 'Book orders again' }).click();
  await office.locator(`tr[data-order="${id}"]`).waitFor();
  expect(stage.books().orders).toBe(1);
  await rep.close();
});

test('a new release is offered, and taken when the rep says so', async () => {
  await using stage = await DemoStage.open();
  const rep = await RepBrowser.open(browser, stage.url);
  await rep.signIn('Maya Lindqvist');
  await stage.stopServer();
  appendFileSync(join(stage.siteDir, 'service-worker.js'), '\n// a later release\n');
  await stage.startServer();
  await rep.page.reload();
  const update = rep.page.getByRole('button', { name: 'Update now' });
  await update.click();
  await update.waitFor({ state: 'detached' });
  await rep.page.getByRole('heading', { name: /Good to see you/ }).waitFor();
  const waiting = await rep.page.evaluate(async () => (await navigator.serviceWorker.ready).waiting === null);
  expect(waiting).toBe(true);
  await rep.close();
});

test('two reps on one tablet see their own orders only', async () => {
  await using stage = await DemoStage.open();
  const rep = await RepBrowser.open(browser, stage.url);
  await rep.signIn('Maya Lindqvist');
  await stage.gateway.stop();
  const id = await rep.takeOrder('Claire Gute', [PAPER]);
  await rep.waitForState(id, 'Saved here');
  await rep.page.getByRole('link', { name: 'More' }).click();
  await rep.page.getByRole('button', { name: 'Sign out' }).click();
  await rep.page.getByRole('dialog').getByText('One order has not reached the office yet').waitFor();
  await rep.page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click();
  await rep.page.getByRole('button', { name: 'Tomas Okafor' }).click();
  await rep.page.getByRole('heading', { name: 'Good to see you, Tomas' }).waitFor();
  await stage.gateway.restart();
  await rep.waitForBadge('Online');
  expect(stage.books().orders).toBe(0);

  await rep.page.getByRole('link', { name: 'More' }).click();
  await rep.page.getByRole('button', { name: 'Sign out' }).click();
  await rep.page.getByRole('button', { name: 'Maya Lindqvist' }).click();
  await rep.waitForState(id, 'Delivered');
  await rep.close();
});

async function switchBooking(stage: DemoStage, to: 'pause' | 'resume'): Promise<void> {
  const response = await fetch(`${stage.url}/api/office/${to}`, {
    method: 'POST',
    headers: { origin: stage.url },
  });
  expect(response.status).toBe(204);
}

async function ordersInQueue(stage: DemoStage): Promise<number> {
  const { ready, leased, delayed } = await new GatewayClient(stage.gateway.url).lookAtQueue(1);
  return ready + leased + delayed;
}

/** Sets how large an order the gateway takes. */
async function limitBodies(stage: DemoStage, maxBodyBytes: number): Promise<void> {
  const response = await fetch(`${stage.gateway.url}/v1/queues/orders`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${await stage.gateway.token()}`, 'content-type': 'application/json' },
    body: JSON.stringify({ maxBodyBytes }),
  });
  expect(response.status).toBe(200);
}
