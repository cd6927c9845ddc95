import { connect, type Fieldpost, type Sent } from '@fieldpost/sdk';
import { createMemoryOutboxStore, ManualClock, MemoryDatabase } from '@fieldpost/sdk/testing';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { QueueAtGateway } from '../support/queue-at-gateway.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';

// What a message asks for, and messages that expire or are taken back: the real SDK against a real gateway, behind a proxy
// that can be cut.

const HOUR_MS = 3_600_000;
const WITHIN = { withinMs: 20_000 };

let gateway: GatewayProcess;
let proxy: TcpProxy;
let token: string;
const open: Fieldpost[] = [];

beforeAll(async () => {
  gateway = await startGatewayProcess();
  proxy = await startTcpProxy({ target: () => ({ host: '127.0.0.1', port: gateway.port }) });
  token = await gateway.token();
});
afterEach(async () => {
  for (const post of open.splice(0)) await post.close();
  proxy.setMode({ kind: 'pass' });
});
afterAll(async () => {
  await proxy.close();
  await gateway.dispose();
});

test('what a message asks for arrives with it', async () => {
  const { post } = await device();
  const asked = {
    timeToLiveMs: 5 * HOUR_MS,
    timeToReachQueueMs: 2 * HOUR_MS,
    groupId: 'customer-7',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  };
  const sent = await post.queue('terms').send(1, { ...asked, ack: 'receive' });
  const late = await post.queue('terms').send(2, { deliverAfterMs: HOUR_MS });
  expect(await sent.delivered).toEqual({ outcome: 'delivered' });
  await late.delivered;
  const response = await fetch(`${gateway.url}/v1/queues/terms/messages`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const { timeToReachQueueMs: _, ...shown } = asked;
  expect(await response.json()).toMatchObject({ messages: [shown, {}] });
  expect(await post.outbox.get(sent.id)).toMatchObject({ ...asked, ack: 'receive' });
  expect(await queue('terms').counts()).toEqual({ ready: 1, leased: 0, delayed: 1 });
});

test('what expired offline is a skip at the gateway: it never arrives, and what was sent behind it does', async () => {
  const name = 'expiring';
  const { post, clock } = await device('offline');
  const orders = post.queue(name);
  const first = await orders.send('too late', { timeToReachQueueMs: HOUR_MS });
  const second = await orders.send('in time', { timeToReachQueueMs: 3 * HOUR_MS });
  clock.advance(HOUR_MS);
  expect(await first.delivered).toEqual({ outcome: 'expired', code: 'reach-timeout' });
  await online(clock, post);
  expect(await settled(clock, second.delivered)).toEqual({ outcome: 'delivered' });
  expect(await queue(name).ids()).toEqual([second.id]);
  expect(post.status.get()).toMatchObject({ pending: 0, deadLetters: 1 });
});

test('of messages that are taken back, offline, none arrives; all others do', async () => {
  const name = 'taken-back';
  const { post, clock } = await device('offline');
  const orders = post.queue(name);
  const sent = await Promise.all(Array.from({ length: 40 }, (_, n) => orders.send(n)));
  const outcomes = await Promise.all(sent.filter((_, index) => index % 3 === 0).map((one) => one.cancel()));
  expect(new Set(outcomes)).toEqual(new Set(['cancelled']));
  await online(clock, post);
  const fates = await settled(clock, Promise.all(sent.map(({ delivered }) => delivered)));
  expect(fates.map(({ outcome }) => outcome)).toEqual(
    sent.map((_, index) => (index % 3 === 0 ? 'cancelled' : 'delivered')),
  );
  expect(await queue(name).ids()).toEqual(sent.filter((_, index) => index % 3 !== 0).map(({ id }) => id));
});

test('taken back while they are sent, each message is either in the queue or cancelled, as it is told', async () => {
  const name = 'raced';
  const { post, clock } = await device();
  const orders = post.queue(name);
  await online(clock, post);
  const told: { readonly id: string; readonly outcome: string; readonly delivered: string }[] = [];
  const watch = async (message: Sent): Promise<void> => {
    const outcome = await message.cancel();
    told.push({ id: message.id, outcome, delivered: (await message.delivered).outcome });
  };
  const watched: Promise<void>[] = [];
  for (let n = 0; n < 72; n++) {
    if (n % 12 === 0) await online(clock, post);
    if (n % 12 === 8) proxy.cut();
    const message = await orders.send(n, { priority: n % 3 });
    for (let turn = 0; turn < n % 4; turn++) await new Promise((resolve) => setImmediate(resolve));
    watched.push(watch(message));
  }
  await settled(clock, Promise.all(watched));
  const arrived = new Set(await queue(name).ids());
  for (const { id, outcome, delivered } of told) {
    expect(outcome).toBe(arrived.has(id) ? 'already-delivered' : 'cancelled');
    expect(delivered).toBe(arrived.has(id) ? 'delivered' : 'cancelled');
  }
  // Both happen, or nothing was raced.
  expect(new Set(told.map(({ outcome }) => outcome)).size).toBe(2);
});

test('a transaction is in all its queues, or in none', async () => {
  const { post, clock } = await device('offline');
  const small = await queue('small').create({ maxBodyBytes: 20 });
  const both = (note: string): Promise<readonly Sent[]> =>
    post.transaction((transaction) => {
      transaction.send(post.queue('large'), note, { priority: 5 });
      transaction.send(post.queue('small'), note);
    });
  const fits = await both('short');
  const refused = await both('much too long for the small queue');
  const last = await both('fits');
  await online(clock, post);
  const fates = await settled(
    clock,
    Promise.all([...fits, ...refused, ...last].map(({ delivered }) => delivered)),
  );
  expect(fates.map((fate) => ('code' in fate ? fate.code : fate.outcome))).toEqual([
    'delivered',
    'delivered',
    'transaction-refused',
    'transaction-refused',
    'delivered',
    'delivered',
  ]);
  expect(await queue('large').ids()).toEqual([fits[0]?.id, last[0]?.id]);
  expect(await small.ids()).toEqual([fits[1]?.id, last[1]?.id]);
  const kept = await post.outbox.list({ state: 'refused' });
  expect(kept.map(({ body }) => body)).toEqual(refused.map(() => 'much too long for the small queue'));
});

async function device(
  line: 'online' | 'offline' = 'online',
): Promise<{ readonly post: Fieldpost; readonly clock: ManualClock }> {
  if (line === 'offline') {
    proxy.setMode({ kind: 'refuse' });
    proxy.cut();
  }
  const clock = new ManualClock();
  const post = await connect({
    gateway: `http://127.0.0.1:${proxy.port}`,
    token: () => token,
    surroundings: { store: createMemoryOutboxStore(new MemoryDatabase()), clock },
  });
  open.push(post);
  return { post, clock };
}

/** Lets the device through, and its pauses pass, until it is connected. */
async function online(clock: ManualClock, post: Fieldpost): Promise<void> {
  proxy.setMode({ kind: 'pass' });
  await until(
    () => {
      if (!post.status.get().online) clock.advance(100);
      return post.status.get().online;
    },
    { ...WITHIN, what: 'the device is online' },
  );
}

/** Lets time pass on the device, slowly, until something is known. */
async function settled<Result>(clock: ManualClock, result: Promise<Result>): Promise<Result> {
  let isKnown = false;
  const watched = result.finally(() => (isKnown = true));
  await until(
    () => {
      clock.advance(20);
      return isKnown;
    },
    { ...WITHIN, what: 'the fates are known' },
  );
  return watched;
}

function queue(name: string): QueueAtGateway {
  return new QueueAtGateway({ name, url: () => gateway.url, token });
}
