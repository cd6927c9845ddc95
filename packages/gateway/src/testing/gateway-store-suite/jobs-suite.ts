import { bytesFromUuid, encodeProperties } from '@fieldpost/protocol';
import { expect, test } from 'vitest';
import type { GatewayStore, JobRow, NewJob, NewMessage } from '../../ports/gateway-store.ts';
import {
  append,
  messageId,
  newMessage,
  newMessages,
  NOW,
  numbersIn,
  numbersOf,
  queueRow,
  receive,
  write,
} from './fixtures.ts';

/** Purges, moves and redrives. */
export function jobsSuite(reopen: () => Promise<GatewayStore>, store: () => GatewayStore): void {
  let made = 0;
  const start = (kind: NewJob['kind'], more: Partial<NewJob> = {}): Promise<JobRow> =>
    store().startJob({ id: `job-${++made}`, kind, queue: 'orders', filter: {}, now: NOW, ...more });
  /** Steps until the job has ended; answers it with how many messages each step did. */
  const run = async ({ id }: JobRow, max = 3): Promise<{ job: JobRow; steps: number[] }> => {
    const steps: number[] = [];
    for (;;) {
      const step = await store().stepJob({ id, max, now: NOW });
      if (step === undefined) throw new Error(`no running job ${id}`);
      steps.push(step.done);
      if (step.job.state !== 'running') return { job: step.job, steps };
    }
  };
  const withQueue = async (count: number, settings: Parameters<typeof queueRow>[1] = {}): Promise<void> => {
    await write(store(), { type: 'put-queue', row: queueRow('orders', settings) });
    if (count > 0) await append(store(), newMessages(1, count));
  };
  const ids = (...numbers: readonly number[]) => ({ ids: numbers.map(messageId) });

  test('a purge goes through the queue in steps, over every priority, and takes leased messages too', async () => {
    await withQueue(0);
    await append(
      store(),
      [3, 7, 0, 3, 5].map((priority, index) => newMessage(index + 1, { priority })),
    );
    await receive(store(), { max: 2 });
    const { job, steps } = await run(await start('purge'), 2);
    expect(steps).toEqual([2, 2, 1]);
    expect(job).toMatchObject({ state: 'done', looked: 5, done: 5 });
    expect(await store().getQueue('orders', NOW)).toMatchObject({ ready: 0, leased: 0, bytes: 0 });
    expect(await store().stepJob({ id: job.id, max: 1, now: NOW })).toBeUndefined();
  });

  test('what arrives after it began is no concern of a job', async () => {
    await withQueue(4);
    const job = await start('purge');
    await store().stepJob({ id: job.id, max: 2, now: NOW });
    await append(store(), [newMessage(5), newMessage(6, { priority: 7 }), newMessage(7, { priority: 0 })]);
    await run(job);
    expect(await numbersIn(store())).toEqual([6, 5, 7]);
  });

  test('a filter names messages, and a maximum ends the job', async () => {
    await withQueue(9);
    expect((await run(await start('purge', { filter: ids(2, 4, 99) }))).job).toMatchObject({
      looked: 9,
      done: 2,
    });
    expect(
      (await run(await start('purge', { filter: { arrivedBefore: NOW + 6, max: 2 } }), 5)).job,
    ).toMatchObject({
      state: 'done',
      done: 2,
    });
    expect(await numbersIn(store())).toEqual([5, 6, 7, 8, 9]);
  });

  test('a move keeps order and content and leaves what is leased', async () => {
    await withQueue(4);
    await write(store(), { type: 'put-queue', row: queueRow('visits') });
    const [one] = await receive(store());
    const job = await start('move', { target: 'visits' });
    expect((await run(job)).job).toMatchObject({ looked: 4, done: 3 });
    expect(await numbersIn(store())).toEqual(numbersOf(one === undefined ? [] : [one]));
    const moved = await receive(store(), { queue: 'visits', max: 9 });
    expect(numbersOf(moved)).toEqual([2, 3, 4]);
    expect(moved[0]).toMatchObject({
      body: newMessage(2).body,
      arrivedAt: newMessage(2).arrivedAt,
      story: { entries: [{ queue: 'orders', code: 'moved', at: NOW }] },
    });
    expect(await store().getQueue('visits', NOW)).toMatchObject({ leased: 3, bytes: 36 });
  });

  test('a redrive brings dead letters back to where they came from, with groups and without what has run out', async () => {
    await withQueue(0);
    const grouped = (number: number): NewMessage =>
      newMessage(number, {
        id: bytesFromUuid(messageId(number)),
        properties: encodeProperties({ groupId: 'g', timeToLiveMs: 500 }),
        terms: { groupId: 'g' },
      });
    await append(store(), [grouped(1), grouped(2)]);
    for (const _ of [1, 2]) {
      const [leased] = await receive(store());
      const settlements = [{ type: 'reject', receipt: leased?.receipt ?? '' } as const];
      await store().settle({ queue: 'orders', settlements, now: NOW });
    }
    const { job } = await run(await start('redrive', { queue: 'orders;dead-letter' }));
    expect(job).toMatchObject({ state: 'done', done: 2 });
    expect(await store().getQueue('orders', NOW)).toMatchObject({ ready: 1, blocked: 1 });
    const [again] = await receive(store(), { max: 2 });
    expect(again).toMatchObject({ deliveryCount: 1, story: { deliveries: 1 } });
    expect(again?.story?.entries.map(({ code }) => code)).toEqual(['rejected-by-receiver', 'redriven']);
    expect((await store().listQueues(NOW)).map(({ name }) => name)).toEqual(['orders']);
  });

  test('a dead letter whose queue is no more stays, unless it is told where to go', async () => {
    await withQueue(1);
    await write(store(), { type: 'put-queue', row: queueRow('visits') });
    await run(await start('move', { target: 'visits;kept' }));
    await write(store(), { type: 'delete-queue', name: 'orders', at: NOW });
    const stuck = await run(await start('redrive', { queue: 'visits;kept' }));
    expect(stuck.job).toMatchObject({ looked: 1, done: 0, state: 'done' });
    await run(await start('redrive', { queue: 'visits;kept', target: 'visits' }));
    expect(await numbersIn(store(), 'visits')).toEqual([1]);
  });

  test('a job is cancelled, outlives the store, and ends with its queue', async () => {
    await withQueue(6);
    const one = await start('purge');
    await store().stepJob({ id: one.id, max: 2, now: NOW });
    expect(await store().cancelJob(one.id, NOW + 1)).toMatchObject({ state: 'cancelled', done: 2 });
    expect(await store().stepJob({ id: one.id, max: 2, now: NOW })).toBeUndefined();
    expect(await store().cancelJob('none', NOW)).toBeUndefined();
    const two = await start('purge');
    await store().stepJob({ id: two.id, max: 1, now: NOW });
    const before = await store().listJobs();
    const reopened = await reopen();
    expect(await reopened.listJobs()).toEqual(before);
    await store().stepJob({ id: two.id, max: 1, now: NOW });
    expect(await numbersIn(store())).toEqual([5, 6]);
    await write(store(), { type: 'delete-queue', name: 'orders', at: NOW });
    await withQueue(3);
    expect((await run(two)).job).toMatchObject({ state: 'done', done: 2 });
    expect(await numbersIn(store())).toEqual([1, 2, 3]);
  });

  test('a job needs its queues, and a subqueue that is not there is empty', async () => {
    await withQueue(1);
    await expect(start('purge', { queue: 'none' })).rejects.toMatchObject({ code: 'queue-not-found' });
    await expect(start('move', { target: 'none' })).rejects.toMatchObject({ code: 'queue-not-found' });
    expect((await run(await start('redrive', { queue: 'orders;dead-letter' }))).job).toMatchObject({
      state: 'done',
      looked: 0,
    });
  });

  test('a full queue takes no more, and the job goes on when there is room', async () => {
    await withQueue(5);
    await write(store(), { type: 'put-queue', row: queueRow('small', { quotaMessages: 2 }) });
    const { id } = await start('move', { target: 'small' });
    expect(await store().stepJob({ id, max: 9, now: NOW })).toMatchObject({
      done: 2,
      isHeldBack: true,
      arrivals: ['small'],
      job: { state: 'running', done: 2 },
    });
    expect(await store().stepJob({ id, max: 9, now: NOW })).toMatchObject({ done: 0, isHeldBack: true });
    await run(await start('purge', { queue: 'small' }));
    expect(await store().stepJob({ id, max: 9, now: NOW })).toMatchObject({ done: 2 });
    expect(await numbersIn(store())).toEqual([5]);
  });
}
