import { encodeUp } from '@fieldpost/protocol';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type FreshDatabase, freshDatabase } from '../support/postgres/fresh-database.ts';
import { callApi, makeQueue, mintToken, openOwnTarget, readQueue, type Target } from './target.ts';
import { expectFrame, message, WireDevice } from './wire-device.ts';
import { type LinkKind, openLink, openSocket, type WireLink } from './wire-link.ts';

/** Two gateways on one PostgreSQL database: a device may come to either, and consumers hear of both. */
let database: FreshDatabase;
let one: Target;
let other: Target;

beforeAll(async () => {
  database = await freshDatabase();
  const environment = { FIELDPOST_DATABASE_URL: database.url };
  [one, other] = await Promise.all([openOwnTarget(environment), openOwnTarget(environment)]);
}, 60_000);
afterAll(async () => {
  await Promise.all([one.close(), other.close()]);
});

const open: { close(): void }[] = [];
afterEach(() => {
  for (const link of open.splice(0)) link.close();
});

async function connect(kind: LinkKind, target: Target): Promise<WireLink> {
  const link = await openLink(kind, target, await mintToken(target));
  open.push(link);
  return link;
}

const bodiesAt = async (target: Target, queue: string): Promise<string[]> =>
  (await readQueue(target, queue)).map(({ body }) => body);
const [a, b, c] = ['a', 'b', 'c'].map((body) => message(body)) as [Uint8Array, Uint8Array, Uint8Array];

test('a device goes on at another gateway where it was, and the session at the first one is fenced', async () => {
  const device = new WireDevice(await makeQueue(one));
  const first = await connect('HTTP', one);
  const { session } = await device.hello(first);
  expect(await device.pushRun(first, { entries: [a] })).toMatchObject({ accepted: 1 });

  const second = await connect('socket.io', other);
  const welcome = await device.hello(second);
  expect(welcome.session.number).toBe(session.number + 1);
  const late = { ...device.pushFrame({ first: 2, entries: [b] }), session };
  const [answer] = await first.exchange(late);
  expect(answer).toEqual({ type: 'fenced', reason: 'newer-connection', session: welcome.session });

  // What the first gateway took, and perhaps did not answer, is a duplicate at the second.
  expect(await device.pushRun(second, { first: 1, entries: [a, b] })).toMatchObject({ accepted: 2 });
  expect(await bodiesAt(one, device.queue)).toEqual(['a', 'b']);
});

test('a session over HTTP is good at every gateway', async () => {
  const device = new WireDevice(await makeQueue(one));
  await device.hello(await connect('HTTP', one));
  expect(await device.pushRun(await connect('HTTP', other), { entries: [a] })).toMatchObject({ accepted: 1 });
  expect(await device.pushRun(await connect('HTTP', one), { first: 2, entries: [b] })).toMatchObject({
    accepted: 2,
  });
  expect(await bodiesAt(other, device.queue)).toEqual(['a', 'b']);
});

test('a live connection at one gateway ends at once when the device says hello at the other', async () => {
  const device = new WireDevice(await makeQueue(one));
  const live = await openSocket(one, await mintToken(one));
  open.push(live);
  live.send(encodeUp(device.helloFrame()));
  device.session = expectFrame(await live.next(), 'welcome').session;
  const { session } = await device.hello(await connect('HTTP', other));
  expect(await live.next()).toEqual({ type: 'fenced', reason: 'newer-connection', session });
});

test('a consumer that waits at one gateway has at once what a device sends to the other', async () => {
  const device = new WireDevice(await makeQueue(one));
  const link = await connect('HTTP', one);
  await device.hello(link);
  const waiting = callApi(other, 'POST', `/v1/queues/${device.queue}/receive`, {
    max: 5,
    leaseMs: 30_000,
    waitMs: 30_000,
  });
  // Who has found nothing asks when something will be there, and waits.
  await expect.poll(async () => (await database.query(WAITING)).length).toBeGreaterThan(0);
  const sentAt = performance.now();
  await device.pushRun(link, { entries: [c] });
  const { messages } = (await (await waiting).json()) as { messages: readonly unknown[] };
  expect(messages).toHaveLength(1);
  // Without the news it would have looked only after some seconds.
  expect(performance.now() - sentAt).toBeLessThan(3_000);
});

const WAITING = `SELECT 1 FROM pg_stat_activity
  WHERE query LIKE '%next_visible_at%' AND state = 'idle' AND pid <> pg_backend_pid()`;

test('a gateway answers that the database is away, takes nothing, and goes on when it is back', async () => {
  const device = new WireDevice(await makeQueue(one));
  const link = await connect('HTTP', one);
  await device.hello(link);
  await database.server.stop('immediate');
  const refused = await callApi(one, 'GET', '/v1/queues');
  expect(refused.status).toBe(503);
  expect(await refused.json()).toMatchObject({ code: 'store-unavailable' });
  await database.server.start();
  await expect
    .poll(async () => (await callApi(one, 'GET', '/v1/queues')).status, { timeout: 10_000 })
    .toBe(200);
  // The server was started anew, so it might hold older data: the device has to say hello first.
  const [fenced] = await link.exchange(device.pushFrame({ entries: [a] }));
  expect(fenced).toMatchObject({ type: 'fenced', reason: 'newer-connection' });
  await device.hello(link);
  expect(await device.pushRun(link, { entries: [a] })).toMatchObject({ accepted: 1 });
  expect(await bodiesAt(other, device.queue)).toEqual(['a']);
});
