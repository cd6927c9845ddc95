import { createConsumer, type ReceivedMessage } from '@fieldpost/sdk/consumer';
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

test('close waits for running work and its acknowledgement, and releases what was prefetched', async () => {
  const queue = await setting.queue(1, 2, 3, 4, 5);
  const gate = createDeferred();
  const begun = createDeferred();
  const consumer = setting.consumer(queue, { concurrency: 1, prefetch: 3 });
  const running = consumer.run(async () => {
    begun.resolve(undefined);
    await gate.promise;
  });
  await begun.promise;
  await until(async () => (await queue.counts()).leased === 4);
  const closed = consumer.close();
  await until(async () => (await queue.counts()).leased === 1);
  expect(await Promise.race([closed, Promise.resolve('not yet')])).toBe('not yet');
  gate.resolve(undefined);
  await closed;
  await running;
  expect(await queue.counts()).toEqual({ ready: 4, leased: 0, delayed: 0 });
  expect(await queue.deliveryCounts()).toEqual([0, 0, 0, 0]);
});

test('close ends a loop that waits', async () => {
  const queue = await setting.queue();
  const consumer = setting.consumer(queue);
  const ended = consumer[Symbol.asyncIterator]().next();
  await until(() => setting.requests.length === 1);
  await consumer.close();
  expect(await ended).toEqual({ done: true, value: undefined });
  expect(await consumer[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined });
});

test('the signal closes, also when it was aborted before', async () => {
  const queue = await setting.queue();
  const abort = new AbortController();
  const consumer = setting.consumer(queue, { signal: abort.signal });
  const running = consumer.run(() => undefined);
  await until(() => setting.requests.length === 1);
  abort.abort();
  await running;
  await setting.consumer(queue, { signal: abort.signal }).run(() => undefined);
  expect(setting.requests).toHaveLength(1);
});

test('close gives up after its time, tells the message and lets its lease run out', async () => {
  const queue = await setting.queue(1);
  const consumer = setting.consumer(queue, { leaseMs: 1000 });
  let message: ReceivedMessage<Job> | undefined;
  const running = consumer.run(async (handed) => {
    message = handed;
    await new Promise(() => undefined);
  });
  await until(() => message !== undefined);
  await consumer.close({ timeoutMs: 20 });
  await running;
  expect(setting.kinds()).toEqual(['abandoned']);
  expect(message?.signal.reason).toMatchObject({ code: 'closed' });
  await until(async () => (await queue.counts()).ready === 1);
});

test('close gives up on a gateway that is gone', async () => {
  const queue = await setting.queue(1);
  const consumer = setting.consumer(queue, { prefetch: 0 });
  const loop = consumer[Symbol.asyncIterator]();
  const { value: message } = await loop.next();
  setting.proxy.setMode({ kind: 'refuse' });
  setting.proxy.cut();
  const outcome = message?.ack();
  await until(() => setting.kinds().includes('call-failed'));
  await consumer.close({ timeoutMs: 20 });
  expect(await outcome).toBe('unknown');
});

test('close twice is close once, and a consumer that never began closes at once', async () => {
  const queue = await setting.queue();
  const consumer = setting.consumer(queue);
  expect(consumer.close()).toBe(consumer.close());
  await consumer.close();
  expect(setting.requests).toEqual([]);
});

test('a listener that throws does not stop the work', async () => {
  const queue = await setting.queue(1, 2);
  const thrown: unknown[] = [];
  const rescue = (error: unknown): void => {
    thrown.push(error);
  };
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException').on('uncaughtException', rescue);
  try {
    const consumer = setting.consumer(queue, {
      retryDelayMs: () => 0,
      onProblem: () => {
        throw new Error('from the listener');
      },
    });
    const running = consumer.run(({ deliveryCount }) => {
      if (deliveryCount === 1) throw new Error('once');
    });
    await until(() => queue.isEmpty());
    await consumer.close();
    await running;
  } finally {
    process.removeListener('uncaughtException', rescue);
    for (const listener of others) process.on('uncaughtException', listener);
  }
  expect(thrown).toHaveLength(2);
});

test.each([
  ['queue', { queue: 'No Queue' }],
  ['concurrency', { concurrency: 0 }],
  ['concurrency', { concurrency: 1.5 }],
  ['prefetch', { prefetch: -1 }],
  ['leaseMs', { leaseMs: 999 }],
  ['waitMs', { waitMs: 50_001 }],
  ['renewForMs', { renewForMs: Number.NaN }],
])('%s out of bounds is refused with its name', (name, wrong) => {
  const options = { gateway: 'http://127.0.0.1:1', token: 'x', queue: 'jobs', ...wrong };
  expect(() => createConsumer(options)).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
  expect(() => createConsumer(options)).toThrow(new RegExp(`^${name}: `));
});
