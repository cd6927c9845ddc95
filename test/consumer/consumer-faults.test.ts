import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createConsumer, type ReceivedMessage, type SettleOutcome } from '@fieldpost/sdk/consumer';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { createDeferred } from '../support/deferred.ts';
import { until } from '../support/until.ts';
import { Setting } from './setting.ts';

// Leases and processes are real, and so is their time on a busy machine.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

let setting: Setting;

beforeAll(async () => {
  setting = await Setting.start();
});
afterEach(() => setting.tidy());
afterAll(() => setting.stop());

test('the lease is renewed for as long as the work goes on', async () => {
  const queue = await setting.queue(1);
  const message = await first(setting.consumer(queue, { leaseMs: 1000, prefetch: 0 }));
  // Five renewals, each after a third of a lease: the first lease is long over.
  await until(() => setting.settles('extend') === 5);
  expect(await queue.counts()).toMatchObject({ leased: 1, ready: 0 });
  expect(await message.ack()).toBe('settled');
  expect(message.signal.aborted).toBe(false);
});

test('prefetched messages are renewed too', async () => {
  const queue = await setting.queue(1, 2);
  const consumer = setting.consumer(queue, { leaseMs: 1000, prefetch: 1 });
  const loop = consumer[Symbol.asyncIterator]();
  const one = await next(loop);
  await until(() => setting.settles('extend') >= 4);
  await one.ack();
  const two = await next(loop);
  expect(two.deliveryCount).toBe(1);
  expect(await two.ack()).toBe('settled');
});

test('work that hangs gives its message back after renewForMs, and is told', async () => {
  const queue = await setting.queue(1);
  const consumer = setting.consumer(queue, { leaseMs: 1000, renewForMs: 500, prefetch: 0 });
  const loop = consumer[Symbol.asyncIterator]();
  const hung = await next(loop);
  const again = await next(loop);
  expect([again.id, again.deliveryCount]).toEqual([hung.id, 2]);
  expect(hung.signal.reason).toMatchObject({ code: 'lease-lost' });
  expect(setting.kinds()).toEqual(['lease-lost']);
  expect(await again.ack()).toBe('settled');
});

test('a settlement with a lost lease is an answer and not an error; the loop goes on', async () => {
  const queue = await setting.queue(1, 2);
  const outcomes: SettleOutcome[] = [];
  for await (const message of setting.consumer(queue)) {
    // Somebody else settles the first one behind this consumer's back.
    if (message.body.n === 1) await queue.settle({ ack: [message.receipt] });
    outcomes.push(await message.ack());
    if (message.body.n === 2) break;
  }
  expect(outcomes).toEqual(['lease-lost', 'settled']);
  expect(setting.problems).toMatchObject([{ kind: 'lease-lost', error: { code: 'lease-lost' } }]);
});

test('a lease found lost at renewal aborts the signal of its message', async () => {
  const queue = await setting.queue(1);
  const message = await first(setting.consumer(queue, { leaseMs: 1000 }));
  await queue.settle({ ack: [message.receipt] });
  await until(() => message.signal.aborted);
  expect(setting.kinds()).toEqual(['lease-lost']);
  expect(await message.ack()).toBe('lease-lost');
  expect(setting.kinds()).toEqual(['lease-lost']);
});

test('run survives a lost lease', async () => {
  const queue = await setting.queue(1, 2, 3);
  const consumer = setting.consumer(queue);
  const running = consumer.run(async (message) => {
    if (message.body.n === 2) await queue.settle({ ack: [message.receipt] });
  });
  await until(() => queue.isEmpty());
  await consumer.close();
  await running;
  expect(setting.kinds()).toEqual(['lease-lost']);
});

test('a gateway killed and started again is found again, and every message is worked on', async () => {
  const queue = await setting.queue(...Array.from({ length: 60 }, (_, n) => n));
  const seen = new Set<number>();
  const half = createDeferred();
  const consumer = setting.consumer(queue, {
    concurrency: 2,
    prefetch: 2,
    leaseMs: 1000,
    surroundings: { jitter: () => 0.1 },
  });
  const running = consumer.run(async ({ body }) => {
    seen.add(body.n);
    if (seen.size === 30) half.resolve(undefined);
  });
  await half.promise;
  await setting.gateway.kill9();
  await until(() => setting.kinds().includes('call-failed'));
  await setting.gateway.restart();
  await until(() => queue.isEmpty(), { withinMs: 20_000 });
  await consumer.close();
  await running;
  expect(seen.size).toBe(60);
});

test('an acknowledgement whose answer was cut off is asked again, and never said to be lost for that', async () => {
  const queue = await setting.queue(1);
  const message = await first(setting.consumer(queue, { prefetch: 0 }));
  setting.proxy.setMode({ kind: 'cut-after', direction: 'down', bytes: 5 });
  // The gateway has done it; asked again, it can only say that the lease is over.
  expect(await message.ack()).toBe('unknown');
  expect(await queue.isEmpty()).toBe(true);
  expect(setting.kinds()).toEqual(['call-failed', 'outcome-unknown']);
});

test('an acknowledgement cut off on its way up is asked again and done', async () => {
  const queue = await setting.queue(1);
  const message = await first(setting.consumer(queue, { prefetch: 0 }));
  setting.proxy.setMode({ kind: 'cut-after', direction: 'up', bytes: 20 });
  expect(await message.ack()).toBe('settled');
  expect(await queue.isEmpty()).toBe(true);
  expect(setting.kinds()).toEqual(['call-failed']);
});

test('with the line down for longer than the lease, the outcome is unknown and the message comes again', async () => {
  const queue = await setting.queue(1);
  const consumer = setting.consumer(queue, {
    prefetch: 0,
    leaseMs: 1000,
    surroundings: { jitter: () => 0.5 },
  });
  const loop = consumer[Symbol.asyncIterator]();
  const message = await next(loop);
  setting.proxy.setMode({ kind: 'refuse' });
  setting.proxy.cut();
  expect(await message.ack()).toBe('unknown');
  setting.proxy.setMode({ kind: 'pass' });
  const again = await next(loop);
  expect([again.id, again.deliveryCount]).toEqual([message.id, 2]);
  expect(await again.ack()).toBe('settled');
});

test('a line that says nothing any more is given up after the answer time, and another one is taken', async () => {
  const queue = await setting.queue();
  const deadlines: (() => void)[] = [];
  const clock = {
    monotonicMs: () => performance.now(),
    schedule: (delayMs: number, wake: () => void) => {
      // The one that gives a long poll its time: it comes when this test says so.
      if (delayMs === 50_000) deadlines.push(wake);
      const timer = setTimeout(wake, delayMs);
      return () => clearTimeout(timer);
    },
  };
  const arriving = first(setting.consumer(queue, { leaseMs: 1000, waitMs: 20_000, surroundings: { clock } }));
  await until(() => deadlines.length === 1 && setting.proxy.openConnections() === 1);
  setting.proxy.setMode({ kind: 'half-open' });
  setting.proxy.setMode({ kind: 'pass' });
  deadlines[0]?.();
  await until(() => setting.kinds().includes('call-failed'));
  expect(setting.problems[0]).toMatchObject({ error: { code: 'unreachable', outcome: 'unknown' } });
  // The gateway may hand it to the dead line first; then it comes when that lease is over.
  await queue.send({ n: 1 });
  expect(await (await arriving).ack()).toBe('settled');
});

test('attempts wait with full jitter, longer after each failure', async () => {
  const queue = await setting.queue();
  setting.proxy.setMode({ kind: 'refuse' });
  setting.proxy.cut();
  const consumer = setting.consumer(queue, { surroundings: { jitter: () => 0.1 } });
  const running = consumer.run(() => undefined);
  await until(() => setting.problems.length === 4);
  expect(setting.problems.map((problem) => ('retryInMs' in problem ? problem.retryInMs : 0))).toEqual([
    50, 100, 200, 400,
  ]);
  await consumer.close();
  await running;
});

test('a token that was not taken is asked for again, at once', async () => {
  const queue = await setting.queue(1);
  const tokens = ['stale', setting.token];
  let asked = 0;
  const token = (): string => tokens[asked++] ?? 'asked too often';
  await (await first(setting.consumer(queue, { token }))).ack();
  expect(asked).toBe(2);
  expect(setting.kinds()).toEqual([]);
});

test('a token function that fails is asked again later', async () => {
  const queue = await setting.queue(1);
  let asked = 0;
  const token = (): string => {
    asked += 1;
    if (asked === 1) throw new Error('signed out');
    return setting.token;
  };
  const message = await first(setting.consumer(queue, { token, surroundings: { jitter: () => 0 } }));
  await message.ack();
  expect(setting.problems).toMatchObject([{ kind: 'call-failed', error: { code: 'unreachable' } }]);
});

test.each([
  ['a token that is a text and was not taken', 'stale', 'unauthorized'],
  ['a token without the permission', undefined, 'access-denied'],
])('the loop ends with an error for %s', async (_, token, code) => {
  const queue = await setting.queue(1);
  const other = await setting.gateway.token({ receive: ['another-queue'] });
  const consumer = setting.consumer(queue, { token: token ?? other });
  await expect(first(consumer)).rejects.toMatchObject({ name: 'FieldpostError', code });
  await expect(consumer.run(() => undefined)).rejects.toMatchObject({ code });
});

test('the loop ends with an error for a queue that is not there', async () => {
  const queue = await setting.queue();
  const consumer = createConsumer({
    gateway: setting.gateway.url,
    token: setting.token,
    queue: `${queue.name}-x`,
  });
  await expect(first(consumer)).rejects.toMatchObject({ code: 'queue-not-found' });
});

test("a captive portal's page is not taken for a gateway's answer", async () => {
  const portal = createServer((_, response) => response.end('<h1>Welcome to the hotel</h1>'));
  await new Promise<void>((resolve) => portal.listen(0, '127.0.0.1', resolve));
  const { port } = portal.address() as AddressInfo;
  const queue = await setting.queue(1);
  let gateway = `http://127.0.0.1:${port}`;
  const consumer = setting.consumer(queue, { gateway: () => gateway, surroundings: { jitter: () => 0 } });
  const arriving = first(consumer);
  await until(() => setting.kinds().includes('call-failed'));
  gateway = setting.gateway.url;
  await (await arriving).ack();
  await new Promise((resolve) => portal.close(resolve));
});

async function first<Body>(consumer: AsyncIterable<ReceivedMessage<Body>>): Promise<ReceivedMessage<Body>> {
  return next(consumer[Symbol.asyncIterator]());
}

async function next<Body>(
  loop: AsyncIterator<ReceivedMessage<Body>, undefined>,
): Promise<ReceivedMessage<Body>> {
  const { value } = await loop.next();
  if (value === undefined) throw new Error('the loop ended');
  return value;
}
