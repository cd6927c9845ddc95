import { connect, type Fieldpost } from '@fieldpost/sdk';
import { createMemoryOutboxStore, MemoryDatabase } from '@fieldpost/sdk/testing';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { QueueAtGateway } from '../support/queue-at-gateway.ts';

// The SDK as an app uses it, on a memory store, against a real gateway process.

let gateway: GatewayProcess;
let token: string;
const open: Fieldpost[] = [];

beforeAll(async () => {
  gateway = await startGatewayProcess();
  token = await gateway.token();
});

afterAll(async () => gateway.dispose());

afterEach(async () => {
  for (const post of open.splice(0)) await post.close();
});

for (const transport of ['socket', 'http'] as const) {
  test(`over ${transport}, a sent message is delivered once and in order`, async () => {
    const name = `orders-${transport}`;
    const post = await connectTo(transport);
    const orders = post.queue<{ line: number }>(name);
    const sent = [];
    for (let line = 0; line < 50; line++) sent.push(await orders.send({ line }));
    const fates = await Promise.all(sent.map(({ delivered }) => delivered));
    expect(new Set(fates.map(({ outcome }) => outcome))).toEqual(new Set(['delivered']));
    expect(await idsAt(name)).toEqual(sent.map(({ id }) => id));
    expect(post.status.get()).toMatchObject({
      pending: 0,
      bytes: 0,
      online: true,
      state: 'online',
      problems: [],
    });
  });

  test(`over ${transport}, a burst of 10,000 drains`, async () => {
    const name = `burst-${transport}`;
    const post = await connectTo(transport);
    const orders = post.queue(name);
    const body = {
      customer: 'C-1',
      lines: Array.from({ length: 8 }, (_, n) => ({ n, sku: 'ABC-1234', qty: 3 })),
    };
    const sent = await Promise.all(Array.from({ length: 10_000 }, () => orders.send(body)));
    await sent.at(-1)?.delivered;
    expect((await queueAt(name).counts()).ready).toBe(10_000);
  });
}

for (const transport of ['socket', 'http'] as const) {
  test(`over ${transport}, far more refusals than one answer tells are told, and what is behind them arrives`, async () => {
    const name = `refused-${transport}`;
    const post = await connectTo(transport);
    const orders = post.queue(name);
    await queueAt(name).create({ maxBodyBytes: 100 });
    const sent = await Promise.all(Array.from({ length: 5_000 }, () => orders.send('x'.repeat(120))));
    const last = await orders.send('end');
    const fates = await Promise.all(sent.map(({ delivered }) => delivered));
    expect(new Set(fates.map((fate) => JSON.stringify(fate)))).toEqual(
      new Set([JSON.stringify({ outcome: 'refused', code: 'too-large' })]),
    );
    expect(await last.delivered).toEqual({ outcome: 'delivered' });
    expect(await idsAt(name)).toEqual([last.id]);
    expect(post.status.get()).toMatchObject({ pending: 0, deadLetters: 5_000 });
  });
}

async function connectTo(transport: 'socket' | 'http', database = new MemoryDatabase()): Promise<Fieldpost> {
  const post = await connect({
    gateway: gateway.url,
    token: () => token,
    transport,
    surroundings: { store: createMemoryOutboxStore(database) },
  });
  open.push(post);
  return post;
}

function queueAt(name: string): QueueAtGateway {
  return new QueueAtGateway({ name, url: () => gateway.url, token });
}

function idsAt(name: string): Promise<string[]> {
  return queueAt(name).ids();
}

test('a token that is not taken shows as a problem, and the messages stay', async () => {
  const post = await connect({
    gateway: gateway.url,
    token: () => 'not a token',
    surroundings: { store: createMemoryOutboxStore() },
  });
  open.push(post);
  await post.queue('orders').send(1);
  await new Promise<void>((resolve) => {
    post.status.subscribe(({ problems }) => {
      if (problems.some(({ code }) => code === 'unauthorized')) resolve();
    });
  });
  expect(post.status.get()).toMatchObject({ pending: 1, online: false });
});

test('a gateway that is not there is waited for', async () => {
  const later = await startGatewayProcess();
  const granted = await later.token();
  await later.stop();
  const post = await connect({
    gateway: later.url,
    token: () => granted,
    surroundings: { store: createMemoryOutboxStore() },
  });
  open.push(post);
  const sent = await post.queue('orders').send(1);
  await new Promise<void>((resolve) => {
    post.status.subscribe(({ state }) => {
      if (state === 'waiting') resolve();
    });
  });
  await later.restart();
  expect(await sent.delivered).toEqual({ outcome: 'delivered' });
  await later.dispose();
}, 30_000);
