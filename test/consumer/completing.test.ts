import type { MessageToSend, ReceivedMessage } from '@fieldpost/sdk/consumer';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { bodiesInQueue } from '../support/bodies-in-queue.ts';
import type { QueueAtGateway } from '../support/queue-at-gateway.ts';
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

test('a completed message has left its queue, and what follows from it is in theirs', async () => {
  const [from, to, other] = [await setting.queue(1), await setting.queue(), await setting.queue()];
  const message = await first(setting.consumer(from));
  const outcome = await message.complete({
    send: [
      { queue: to.name, body: { n: 2 }, label: 'next', priority: 6, headers: { a: 'b' }, correlationId: 'c' },
      { queue: to.name, body: new Uint8Array([0, 255]), replyTo: 'answers' },
      { queue: other.name, body: 'plain ü', contentType: 'text/plain' },
      { queue: other.name, body: [1.5], contentType: 'application/problem+json' },
    ],
  });
  expect(outcome).toBe('settled');
  expect(await from.isEmpty()).toBe(true);
  expect(await to.messages()).toMatchObject([
    { body: { n: 2 }, label: 'next', priority: 6, headers: { a: 'b' }, correlationId: 'c' },
    { bodyBase64: 'AP8=', contentType: 'application/octet-stream', replyTo: 'answers' },
  ]);
  expect(await other.messages()).toMatchObject([
    { bodyBase64: 'cGxhaW4gw7w=', contentType: 'text/plain' },
    { body: [1.5], contentType: 'application/problem+json' },
  ]);
});

test('without anything to send it is an acknowledgement', async () => {
  const queue = await setting.queue(1);
  expect(await (await first(setting.consumer(queue))).complete()).toBe('settled');
  expect(await queue.isEmpty()).toBe(true);
});

test('an answer that was cut off is got again: done once, and known to be', async () => {
  const [from, to] = [await setting.queue(1), await setting.queue()];
  const message = await first(setting.consumer(from, { prefetch: 0 }));
  setting.proxy.setMode({ kind: 'cut-after', direction: 'down', bytes: 5 });
  expect(await message.complete({ send: [{ queue: to.name, body: 1 }] })).toBe('settled');
  expect(await bodies(to)).toEqual([1]);
  expect(await from.isEmpty()).toBe(true);
  expect(setting.kinds()).toEqual(['call-failed']);
});

test('also when the line stays down for longer than the lease', async () => {
  const [from, to] = [await setting.queue(1), await setting.queue()];
  const message = await first(setting.consumer(from, { prefetch: 0, leaseMs: 1000 }));
  setting.proxy.setMode({ kind: 'cut-after', direction: 'down', bytes: 5 });
  const completing = message.complete({ send: [{ queue: to.name, body: 1 }] });
  await until(() => setting.kinds().includes('call-failed'));
  setting.proxy.setMode({ kind: 'refuse' });
  setting.proxy.cut();
  const leaseEndsBy = performance.now() + 1500;
  await until(() => performance.now() > leaseEndsBy);
  setting.proxy.setMode({ kind: 'pass' });
  expect(await completing).toBe('settled');
  expect(await bodies(to)).toEqual([1]);
  expect(setting.kinds()).not.toContain('lease-lost');
});

test('what never reached the gateway is lost with its lease: nothing is sent, and the message comes again', async () => {
  const [from, to] = [await setting.queue(1), await setting.queue()];
  const consumer = setting.consumer(from, {
    prefetch: 0,
    leaseMs: 1000,
    surroundings: { jitter: () => 0.5 },
  });
  const loop = consumer[Symbol.asyncIterator]();
  const message = await next(loop);
  setting.proxy.setMode({ kind: 'refuse' });
  setting.proxy.cut();
  const completing = message.complete({ send: [{ queue: to.name, body: 1 }] });
  const leaseEndsBy = performance.now() + 1500;
  await until(() => performance.now() > leaseEndsBy);
  setting.proxy.setMode({ kind: 'pass' });
  expect(await completing).toBe('lease-lost');
  expect(message.signal.aborted).toBe(true);
  expect(await bodies(to)).toEqual([]);
  const again = await next(loop);
  expect([again.id, again.deliveryCount]).toEqual([message.id, 2]);
  expect(await again.complete({ send: [{ queue: to.name, body: 2 }] })).toBe('settled');
  expect(await bodies(to)).toEqual([2]);
});

test('a lease that somebody else ended is told, and nothing is sent', async () => {
  const [from, to] = [await setting.queue(1), await setting.queue()];
  const message = await first(setting.consumer(from));
  await from.settle({ ack: [message.receipt] });
  expect(await message.complete({ send: [{ queue: to.name, body: 1 }] })).toBe('lease-lost');
  expect(await bodies(to)).toEqual([]);
  expect(setting.kinds()).toEqual(['lease-lost']);
});

test('a full queue is waited for, and the lease is renewed meanwhile', async () => {
  const [from, to] = [await setting.queue(1), await setting.queue({ quotaMessages: 1 }, 0)];
  const message = await first(setting.consumer(from, { leaseMs: 1000, prefetch: 0 }));
  const completing = message.complete({ send: [{ queue: to.name, body: { n: 1 } }] });
  await until(() => setting.settles('extend') >= 4);
  expect(setting.problems[0]).toMatchObject({ kind: 'call-failed', error: { code: 'quota-exceeded' } });
  await (await first(setting.consumer(to))).ack();
  expect(await completing).toBe('settled');
  expect(await bodies(to)).toEqual([{ n: 1 }]);
  expect(await from.isEmpty()).toBe(true);
});

test('what a queue will never take is an error; the message is still there to be settled', async () => {
  const [from, to] = [await setting.queue(1), await setting.queue({ maxBodyBytes: 10 })];
  const message = await first(setting.consumer(from));
  const refused: readonly [readonly MessageToSend[], string][] = [
    [[{ queue: 'sys.nowhere', body: 1 }], 'queue-not-found'],
    [
      [
        { queue: to.name, body: 1 },
        { queue: to.name, body: 'x'.repeat(100) },
      ],
      'too-large',
    ],
    [[{ queue: to.name, body: undefined }], 'not-serialisable'],
    [[{ queue: to.name, body: 1, priority: 9 }], 'invalid-request'],
  ];
  for (const [send, code] of refused)
    await expect(message.complete({ send })).rejects.toMatchObject({
      name: 'FieldpostError',
      code,
    });
  expect(await bodies(to)).toEqual([]);
  expect(await message.complete({ send: [{ queue: to.name, body: 1 }] })).toBe('settled');
  expect(await bodies(to)).toEqual([1]);
});

test('in a handler, such an error gives the message back', async () => {
  const queue = await setting.queue(1);
  const consumer = setting.consumer(queue, { retryDelayMs: () => 60_000 });
  const running = consumer.run((message) => message.complete({ send: [{ queue: 'sys.nowhere', body: 1 }] }));
  await until(async () => (await queue.counts()).delayed === 1);
  await consumer.close();
  await running;
  expect(setting.problems).toMatchObject([{ kind: 'handler-failed', error: { code: 'queue-not-found' } }]);
});

test('run leaves alone what its handler completed', async () => {
  const [from, to] = [await setting.queue(1, 2, 3), await setting.queue()];
  const consumer = setting.consumer(from, { concurrency: 2 });
  const running = consumer.run((message) =>
    message.complete({ send: [{ queue: to.name, body: message.body.n * 10 }] }),
  );
  await until(() => from.isEmpty());
  await consumer.close();
  await running;
  const sent = await bodies(to);
  expect(sent).toHaveLength(3);
  expect(new Set(sent)).toEqual(new Set([10, 20, 30]));
  expect(setting.settles('ack')).toBe(0);
  expect(setting.kinds()).toEqual([]);
});

test('a message is settled in one way: the first call decides', async () => {
  const queue = await setting.queue(1, 2);
  const consumer = setting.consumer(queue);
  const loop = consumer[Symbol.asyncIterator]();
  const message = await next(loop);
  const completing = message.complete();
  await expect(message.ack()).rejects.toMatchObject({ code: 'invalid-argument' });
  expect(await Promise.all([completing, message.complete({ send: [] })])).toEqual(['settled', 'settled']);
  const other = await next(loop);
  const acknowledging = other.ack();
  await expect(other.complete()).rejects.toMatchObject({ code: 'invalid-argument' });
  expect(await acknowledging).toBe('settled');
});

test('close waits for a completion, and says that it is unknown when it waits no longer', async () => {
  const queue = await setting.queue(1, 2);
  const consumer = setting.consumer(queue, { prefetch: 0 });
  const completing = (await first(consumer)).complete();
  await consumer.close();
  expect(await completing).toBe('settled');
  const other = setting.consumer(queue, { prefetch: 0 });
  const message = await first(other);
  setting.proxy.setMode({ kind: 'half-open' });
  const unanswered = message.complete();
  await until(() => setting.requests.filter(({ action }) => action === 'transactions').length === 2);
  await other.close({ timeoutMs: 100 });
  expect(await unanswered).toBe('unknown');
  expect(setting.kinds()).toContain('abandoned');
});

function bodies(queue: QueueAtGateway): Promise<readonly unknown[]> {
  return bodiesInQueue(setting.gateway, setting.token, queue.name);
}

async function first(consumer: AsyncIterable<ReceivedMessage<Job>>): Promise<ReceivedMessage<Job>> {
  return next(consumer[Symbol.asyncIterator]());
}

async function next(loop: AsyncIterator<ReceivedMessage<Job>, undefined>): Promise<ReceivedMessage<Job>> {
  const { value } = await loop.next();
  if (value === undefined) throw new Error('the loop ended');
  return value;
}
