import { connect, type Fieldpost } from '@fieldpost/sdk';
import { createMemoryOutboxStore, MemoryDatabase } from '@fieldpost/sdk/testing';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createDeferred } from '../support/deferred.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { QueueAtGateway } from '../support/queue-at-gateway.ts';

// Tokens that end, and apps that cannot give the next one, against a real gateway process.

let gateway: GatewayProcess;
let admin: string;
let queues = 0;
const open: Fieldpost[] = [];

beforeAll(async () => {
  gateway = await startGatewayProcess({ mode: 'secret' });
  admin = await gateway.token({ subject: 'admin' });
});

afterAll(async () => gateway.dispose());

afterEach(async () => {
  for (const post of open.splice(0)) await post.close();
});

/** Long enough to be welcomed on a busy machine. */
const LIFE_MS = 3_000;
/** Pushes go up for so long under a token that has ended. */
const BEHIND_THE_END_MS = 1_000;

for (const transport of ['socket', 'http'] as const) {
  test(`over ${transport}, a token is renewed before its end, in the session that stands`, async () => {
    const { post, queue, asked } = await connectWith({ transport, giveNext: () => gateway.token() });
    const delivered = await sendUntil(post, queue, () => asked() >= 2);
    const last = await post.queue(queue.name).send('last');
    expect(await last.delivered).toEqual({ outcome: 'delivered' });
    expect(await storedCount(queue)).toBe(delivered + 1);
    expect(sessionsOf(post)).toBe(1);
    expect(post.status.get()).toMatchObject({ online: true, problems: [] });
  });
}

test('a token that ends in mid-drain, with the next one late: nothing is dropped, and the session stays', async () => {
  const late = createDeferred();
  const endsAt = Date.now() + LIFE_MS;
  const { post, queue, asked } = await connectWith({
    transport: 'socket',
    // The gateway has complained by then of what was pushed behind the end.
    giveNext: async () => {
      await late.promise;
      return gateway.token();
    },
  });
  const orders = post.queue(queue.name);
  const sent: Promise<unknown>[] = [];
  while (Date.now() < endsAt + BEHIND_THE_END_MS) {
    const message = await orders.send({ n: sent.length });
    sent.push(message.delivered);
    await new Promise((resolve) => setImmediate(resolve));
  }
  late.resolve(undefined);
  const fates = await Promise.all(sent);
  expect(new Set(fates.map((fate) => JSON.stringify(fate)))).toEqual(
    new Set([JSON.stringify({ outcome: 'delivered' })]),
  );
  expect(await storedCount(queue)).toBe(sent.length);
  expect(asked()).toBeGreaterThanOrEqual(2);
  expect(sessionsOf(post)).toBe(1);
  expect(post.status.get().problems).toEqual([]);
});

test('a token() whose server is not reached shows as such, and goes on as soon as it is', async () => {
  let isReached = false;
  const { post, queue } = await connectWith({
    transport: 'socket',
    giveFirst: () => (isReached ? gateway.token() : Promise.reject(new TypeError('fetch failed'))),
    giveNext: () => (isReached ? gateway.token() : Promise.reject(new TypeError('fetch failed'))),
  });
  const sent = await post.queue(queue.name).send(1);
  await statusWith(post, ({ problems }) => problems.some(({ code }) => code === 'token-unavailable'));
  expect(post.status.get()).toMatchObject({ state: 'waiting', pending: 1 });
  expect(post.status.get().problems.map(({ code }) => code)).toEqual(['token-unavailable']);
  isReached = true;
  expect(await sent.delivered).toEqual({ outcome: 'delivered' });
  expect(post.status.get().problems).toEqual([]);
});

test('a token() that says that the user may not shows as that', async () => {
  const refuse = (): Promise<string> =>
    Promise.reject(Object.assign(new Error('signed out'), { code: 'unauthorized' }));
  const { post } = await connectWith({ transport: 'socket', giveFirst: refuse, giveNext: refuse });
  await statusWith(post, ({ problems }) => problems.some(({ code }) => code === 'unauthorized'));
});

interface Wish {
  readonly transport: 'socket' | 'http';
  /** The first token; by default one that ends soon. */
  readonly giveFirst?: () => Promise<string>;
  readonly giveNext: () => Promise<string>;
}

async function connectWith(
  wish: Wish,
): Promise<{ post: Fieldpost; queue: QueueAtGateway; asked: () => number }> {
  const { giveFirst = () => gateway.token({ expiresInMs: LIFE_MS }) } = wish;
  const name = `orders-${++queues}`;
  const queue = await new QueueAtGateway({ name, url: () => gateway.url, token: admin }).create();
  let asked = 0;
  const post = await connect({
    gateway: gateway.url,
    token: () => (++asked === 1 ? giveFirst() : wish.giveNext()),
    transport: wish.transport,
    surroundings: { store: createMemoryOutboxStore(new MemoryDatabase()) },
  });
  open.push(post);
  return { post, queue, asked: () => asked };
}

/** Sends one message after the other until something holds; returns how many were delivered. */
async function sendUntil(post: Fieldpost, queue: QueueAtGateway, holds: () => boolean): Promise<number> {
  const orders = post.queue(queue.name);
  let count = 0;
  while (!holds()) {
    const message = await orders.send({ n: count++ });
    expect(await message.delivered).toEqual({ outcome: 'delivered' });
  }
  return count;
}

async function storedCount(queue: QueueAtGateway): Promise<number> {
  return (await queue.counts()).ready;
}

/** How often the gateway has welcomed the device, by its log. */
function sessionsOf(post: Fieldpost): number {
  return gateway.log.filter((line) => line.includes('hello welcomed') && line.includes(post.device)).length;
}

function statusWith(
  post: Fieldpost,
  holds: (status: ReturnType<Fieldpost['status']['get']>) => boolean,
): Promise<void> {
  return new Promise((resolve) => {
    post.status.subscribe((status) => {
      if (holds(status)) resolve();
    });
  });
}
