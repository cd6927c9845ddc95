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
    const before = performance.now();
    const sent = await Promise.all(Array.from({ length: 10_000 }, () => orders.send(body)));
    const saved = performance.now();
    await sent.at(-1)?.delivered;
    const delivered = performance.now();
    process.stdout.write(
      `saved ${(saved - before).toFixed(0)} ms, delivered ${(delivered - saved).toFixed(0)} ms\n`,
    );
    expect((await queueAt(name).counts()).ready).toBe(10_000);
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
