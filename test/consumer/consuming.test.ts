import type { ReceivedMessage } from '@fieldpost/sdk/consumer';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { createDeferred } from '../support/deferred.ts';
import { until } from '../support/until.ts';
import { type Job, Setting } from './setting.ts';

// Leases and processes are real, and so is their time on a busy machine.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

let setting: Setting;

beforeAll(async () => {
  setting = await Setting.start();
});
afterEach(() => setting.tidy());
afterAll(() => setting.stop());

test('a loop gets every message once, in queue order, and what it acknowledges leaves the queue', async () => {
  const queue = await setting.queue(1, 2, 3, 4, 5);
  const seen: number[] = [];
  for await (const message of setting.consumer(queue)) {
    seen.push(message.body.n);
    expect(await message.ack()).toBe('settled');
    if (seen.length === 5) break;
  }
  expect(seen).toEqual([1, 2, 3, 4, 5]);
  expect(await queue.isEmpty()).toBe(true);
});

test('a message says what it is', async () => {
  const queue = await setting.queue(7);
  const message = await first(setting.consumer(queue));
  expect(message).toMatchObject({
    queue: queue.name,
    body: { n: 7 },
    contentType: 'application/json',
    headers: {},
    priority: 3,
    deliveryCount: 1,
    device: undefined,
  });
  expect(message.id).toMatch(/^[0-9a-f-]{36}$/);
  expect(Date.now() - message.arrivedAt.getTime()).toBeLessThan(60_000);
  await message.ack();
});

test('an empty queue is waited for in one request, and a message that comes then is handed out at once', async () => {
  const queue = await setting.queue();
  const arriving = first(setting.consumer(queue));
  await until(() => setting.requests.length === 1);
  await queue.send({ n: 1 });
  const message = await arriving;
  expect(setting.requests.filter(({ action }) => action === 'receive').length).toBeLessThanOrEqual(2);
  await message.ack();
});

test('run acknowledges what its handler finished', async () => {
  const queue = await setting.queue(1, 2, 3);
  const seen: number[] = [];
  const consumer = setting.consumer(queue);
  const running = consumer.run(({ body }) => seen.push(body.n));
  await until(() => queue.isEmpty());
  await consumer.close();
  await running;
  expect(seen).toEqual([1, 2, 3]);
});

test('run gives back what its handler threw on, with the delay asked for, and goes on', async () => {
  const queue = await setting.queue(1, 2);
  const seen: string[] = [];
  const delays: number[] = [];
  const consumer = setting.consumer(queue, {
    retryDelayMs: (deliveryCount) => {
      delays.push(deliveryCount);
      return 0;
    },
  });
  const running = consumer.run(({ body, deliveryCount }) => {
    seen.push(`${body.n}/${deliveryCount}`);
    if (body.n === 1 && deliveryCount < 3) throw new Error('not yet');
  });
  await until(() => queue.isEmpty());
  await consumer.close();
  await running;
  expect(seen.toSorted()).toEqual(['1/1', '1/2', '1/3', '2/1']);
  expect(delays).toEqual([1, 2]);
  expect(setting.kinds()).toEqual(['handler-failed', 'handler-failed']);
});

test('run leaves alone what the handler settled itself', async () => {
  const queue = await setting.queue(1);
  const consumer = setting.consumer(queue);
  const running = consumer.run((message) => message.nack({ delayMs: 3_600_000 }));
  await until(async () => (await queue.counts()).delayed === 1);
  await consumer.close();
  await running;
  expect(setting.settles('ack')).toBe(0);
});

test('as many messages as concurrency says are worked on at once, never more', async () => {
  const queue = await setting.queue(...Array.from({ length: 20 }, (_, n) => n));
  const gate = createDeferred();
  let working = 0;
  let most = 0;
  const consumer = setting.consumer(queue, { concurrency: 4, prefetch: 10 });
  const running = consumer.run(async () => {
    working += 1;
    most = Math.max(most, working);
    await gate.promise;
    working -= 1;
  });
  await until(async () => working > 0 && (await queue.counts()).leased === 14);
  expect(working).toBe(4);
  gate.resolve(undefined);
  await until(() => queue.isEmpty());
  await consumer.close();
  await running;
  expect(most).toBe(4);
});

test('acknowledgements made together go in one request', async () => {
  const queue = await setting.queue(...Array.from({ length: 200 }, (_, n) => n));
  const consumer = setting.consumer(queue, { concurrency: 100 });
  const running = consumer.run(() => undefined);
  await until(() => queue.isEmpty());
  await consumer.close();
  await running;
  expect(setting.settles('ack')).toBeLessThanOrEqual(20);
});

test('two loops over one consumer share its messages', async () => {
  const queue = await setting.queue(1, 2, 3, 4, 5, 6);
  const consumer = setting.consumer(queue, { concurrency: 2 });
  const seen: number[] = [];
  const loop = async (): Promise<void> => {
    for await (const message of consumer) {
      seen.push(message.body.n);
      await message.ack();
    }
  };
  const loops = [loop(), loop()];
  await until(() => seen.length === 6);
  await consumer.close();
  await Promise.all(loops);
  expect(new Set(seen)).toEqual(new Set([1, 2, 3, 4, 5, 6]));
  expect(await queue.isEmpty()).toBe(true);
});

test('what is acknowledged together travels together, and leases are asked for in few requests', async () => {
  const queue = await setting.queue(...Array.from({ length: 40 }, (_, n) => n));
  const consumer = setting.consumer(queue, { concurrency: 20, prefetch: 20 });
  const running = consumer.run(() => undefined);
  await until(() => setting.settles('ack') > 0 && queue.isEmpty());
  await consumer.close();
  await running;
  const asked = (action: string, what: string): unknown[] =>
    setting.requests.filter((request) => request.action === action).map(({ body }) => body[what]);
  expect(asked('settle', 'ack')).toEqual([expect.objectContaining({ length: 40 })]);
  expect(asked('receive', 'max')).toEqual([40, 40]);
});

test('nack makes a message wait as long as asked, release gives it back uncounted', async () => {
  const queue = await setting.queue(1, 2);
  const consumer = setting.consumer(queue, { prefetch: 0 });
  const loop = consumer[Symbol.asyncIterator]();
  const one = await next(loop);
  expect(await one.nack({ delayMs: 3_600_000 })).toBe('settled');
  const two = await next(loop);
  expect(two.body.n).toBe(2);
  expect(await two.release()).toBe('settled');
  const again = await next(loop);
  expect([again.body.n, again.deliveryCount]).toEqual([2, 1]);
  expect(await again.ack()).toBe('settled');
  expect(await queue.counts()).toEqual({ ready: 0, leased: 0, delayed: 1 });
});

test('a body that does not parse goes back and is reported; the others flow', async () => {
  const queue = await setting.queue();
  await queue.send({ wrong: true }, { n: 2 });
  const consumer = setting.consumer(queue, { retryDelayMs: () => 3_600_000 });
  const message = await first(consumer);
  expect(message.body.n).toBe(2);
  await message.ack();
  await until(async () => (await queue.counts()).delayed === 1);
  expect(setting.problems).toMatchObject([
    { kind: 'bad-body', error: { message: 'no job: {"wrong":true}' } },
  ]);
});

test('settling twice in the same way is once; in another way is an error of the program', async () => {
  const queue = await setting.queue(1);
  const message = await first(setting.consumer(queue));
  expect(await Promise.all([message.ack(), message.ack()])).toEqual(['settled', 'settled']);
  await expect(message.nack()).rejects.toMatchObject({ code: 'invalid-argument' });
  expect(setting.settles('ack')).toBe(1);
});

test('leaving the loop releases what was prefetched', async () => {
  const queue = await setting.queue(1, 2, 3, 4);
  for await (const message of setting.consumer(queue, { prefetch: 3 })) {
    await until(async () => (await queue.counts()).leased === 4);
    await message.ack();
    break;
  }
  await until(async () => (await queue.counts()).ready === 3);
  expect(await queue.deliveryCounts()).toEqual([0, 0, 0]);
});

async function first(consumer: AsyncIterable<ReceivedMessage<Job>>): Promise<ReceivedMessage<Job>> {
  return next(consumer[Symbol.asyncIterator]());
}

async function next(loop: AsyncIterator<ReceivedMessage<Job>, undefined>): Promise<ReceivedMessage<Job>> {
  const { value } = await loop.next();
  if (value === undefined) throw new Error('the loop ended');
  return value;
}
