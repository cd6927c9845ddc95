import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import type { QueueTarget } from '../queue-contestant.ts';
import { Countdown, type Handle, type QueueClient, type QueueMessage } from './queue-client.ts';

const name = 'orders';

/** BullMQ: `addBulk`, workers with a concurrency, finished jobs removed at once. */
export async function connectBullMq({ url }: QueueTarget): Promise<QueueClient> {
  const { hostname: host, port } = new URL(url);
  const connection = { host, port: Number(port), maxRetriesPerRequest: null };
  const queue = new Queue<QueueMessage>(name, { connection });
  await queue.waitUntilReady();
  return {
    async describe() {
      const redis = new Redis(connection);
      try {
        const version = /redis_version:(\S+)/.exec(await redis.info('server'))?.[1];
        const settings = await redis.config('GET', 'append*');
        const at = (key: string): string => `${key} ${settings[settings.indexOf(key) + 1] ?? 'unknown'}`;
        return `Redis ${version ?? 'unknown'}, ${at('appendonly')}, ${at('appendfsync')}`;
      } finally {
        redis.disconnect();
      }
    },
    async enqueue(messages) {
      const opts = { removeOnComplete: true, removeOnFail: true };
      await queue.addBulk(messages.map((data) => ({ name: 'order', data, opts })));
    },
    async openConsumers({ consumers: count, atOnce }) {
      let countdown = new Countdown(0);
      let handle: Handle = () => undefined;
      const workers = Array.from(
        { length: count },
        () =>
          new Worker<QueueMessage>(name, async ({ data }) => handle(data), {
            connection,
            autorun: false,
            concurrency: atOnce,
          }),
      );
      for (const worker of workers) {
        worker.on('completed', () => countdown.note(1));
        worker.on('failed', (_job, error) => countdown.fail(error));
        worker.on('error', (error) => countdown.fail(error));
        await worker.waitUntilReady();
      }
      let running: readonly Promise<void>[] = [];
      return {
        async run(messages, given) {
          countdown = new Countdown(messages);
          handle = given;
          running = workers.map(async (worker) => worker.run());
          await countdown.reached;
        },
        async close() {
          await Promise.all(workers.map(async (worker) => worker.close()));
          await Promise.all(running);
        },
      };
    },
    async count() {
      const counts = await queue.getJobCounts(
        'wait',
        'active',
        'delayed',
        'prioritized',
        'completed',
        'failed',
      );
      return Object.values(counts).reduce((sum, each) => sum + each, 0);
    },
    close: async () => queue.close(),
  };
}
