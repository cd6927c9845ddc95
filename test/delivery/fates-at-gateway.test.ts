import { connect, type Fieldpost } from '@fieldpost/sdk';
import { createMemoryOutboxStore, MemoryDatabase } from '@fieldpost/sdk/testing';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { QueueAtGateway } from '../support/queue-at-gateway.ts';

// What becomes of a message, from its consumer back to the app that sent it: the real SDK against a real gateway process.

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

test('a device that is connected hears within a second that its message was acknowledged, by one that rejected it why', async () => {
  const post = await device();
  const queue = await queueOf('connected').create();
  const orders = post.queue('connected');
  const [one, two] = [await orders.send(1, { ack: 'receive' }), await orders.send(2, { ack: 'full' })];
  await Promise.all([one.delivered, two.delivered]);
  const [first, second] = await queue.receive(2);
  const before = performance.now();
  await queue.settle({ ack: [first], reject: [{ receipt: second, reason: 'no such customer' }] });
  expect(await one.settled).toMatchObject({ outcome: 'consumed', code: 'received' });
  expect(await two.settled).toMatchObject({
    outcome: 'dead-lettered',
    code: 'rejected-by-receiver',
    reason: 'no such customer',
  });
  expect(performance.now() - before).toBeLessThan(1_000);
});

for (const transport of ['socket', 'http'] as const) {
  test(`over ${transport}, one that was closed meanwhile hears after its next start; another device never does`, async () => {
    const name = `closed-${transport}`;
    const database = new MemoryDatabase();
    const first = await device(database, transport);
    const sent = await first.queue(name).send(1, { ack: 'receive' });
    await sent.delivered;
    await first.close();
    const queue = queueOf(name);
    const [receipt] = await queue.receive(1);
    await queue.settle({ ack: [receipt] });
    const other = await device(new MemoryDatabase(), transport);
    await (
      await other.queue(name).send(2)
    ).delivered;
    const second = await device(database, transport);
    const found = await second.outbox.get(sent.id);
    expect(await found?.settled).toMatchObject({ outcome: 'consumed' });
    expect(await other.outbox.get(sent.id)).toBeUndefined();
  });
}

test('the gateway is killed right after the settlement: the device hears of it all the same, and once', async () => {
  const post = await device();
  const queue = await queueOf('killed').create();
  const sent = await Promise.all(
    Array.from({ length: 300 }, (_, n) => post.queue('killed').send(n, { ack: 'full' })),
  );
  await Promise.all(sent.map(({ delivered }) => delivered));
  const heard = new Map<string, number>();
  for (const { id, settled } of sent) {
    settled?.then(() => heard.set(id, (heard.get(id) ?? 0) + 1)).catch(() => undefined);
  }
  const receipts = [...(await queue.receive(150)), ...(await queue.receive(150))];
  await queue.settle({ ack: receipts });
  await gateway.kill9();
  await gateway.restart();
  const fates = await Promise.all(sent.map(async ({ settled }) => settled));
  expect(new Set(fates.map((fate) => fate?.outcome))).toEqual(new Set(['consumed']));
  expect([...heard.values()].every((times) => times === 1)).toBe(true);
}, 60_000);

test('a purge and a deleted queue are told as that', async () => {
  const post = await device();
  const queue = await queueOf('purged').create();
  const one = await post.queue('purged').send(1, { ack: 'receive' });
  await one.delivered;
  await queue.purge();
  expect(await one.settled).toMatchObject({ outcome: 'purged', code: 'purged' });
  const two = await post.queue('purged').send(2, { ack: 'receive' });
  await two.delivered;
  await queue.delete();
  expect(await two.settled).toMatchObject({ outcome: 'purged', code: 'queue-deleted' });
});

async function device(
  database = new MemoryDatabase(),
  transport: 'socket' | 'http' = 'socket',
): Promise<Fieldpost> {
  const post = await connect({
    gateway: gateway.url,
    token: () => token,
    transport,
    surroundings: { store: createMemoryOutboxStore(database) },
  });
  open.push(post);
  return post;
}

function queueOf(name: string): QueueAtGateway {
  return new QueueAtGateway({ name, url: () => gateway.url, token });
}
