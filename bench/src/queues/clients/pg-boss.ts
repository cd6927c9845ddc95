import { PgBoss } from 'pg-boss';
import type { QueueTarget } from '../queue-contestant.ts';
import { Countdown, type Handle, type QueueClient, type QueueMessage } from './queue-client.ts';

const name = 'orders';
/** Enough for the most consumers of a run, with some for the library itself. */
const connectionsMax = 40;

/** pg-boss: `insert` of many, workers that take a batch and fetch again at once while batches come full. */
export async function connectPgBoss({ url }: QueueTarget): Promise<QueueClient> {
  const boss = new PgBoss({ connectionString: url, max: connectionsMax, schedule: false, supervise: false });
  let fail: (reason: Error) => void = () => undefined;
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  failed.catch(() => undefined);
  boss.on('error', (error) => fail(error));
  await boss.start();
  await boss.createQueue(name, { partition: true });
  const show = async (sql: string): Promise<string> => {
    const { rows } = await boss.getDb().executeSql(sql);
    return String(Object.values(rows[0] ?? {})[0]);
  };
  return {
    async describe() {
      const version = (await show('SHOW server_version')).split(' ')[0] ?? 'unknown';
      const fsync = await show('SHOW fsync');
      return `PostgreSQL ${version}, fsync ${fsync}, synchronous_commit ${await show('SHOW synchronous_commit')}`;
    },
    async enqueue(messages) {
      await boss.insert(
        name,
        messages.map((data) => ({ data })),
      );
    },
    // The library's own worker completes a batch by itself and does not tell when that is durable, so its loop is written
    // out: the same two calls, and no pause between a full batch and the next.
    async openConsumers({ consumers, atOnce }) {
      let working: readonly Promise<void>[] = [];
      let isClosed = false;
      const work = async (countdown: Countdown, handle: Handle): Promise<void> => {
        while (!isClosed && !countdown.isReached) {
          const jobs = await boss.fetch<QueueMessage>(name, { batchSize: atOnce });
          if (jobs.length === 0) {
            await pause();
            continue;
          }
          for (const { data } of jobs) handle(data);
          await boss.complete(
            name,
            jobs.map(({ id }) => id),
          );
          countdown.note(jobs.length);
        }
      };
      return {
        async run(messages, handle) {
          const countdown = new Countdown(messages);
          working = Array.from({ length: consumers }, async () => work(countdown, handle));
          await Promise.race([countdown.reached, failed, Promise.all(working)]);
        },
        async close() {
          isClosed = true;
          await Promise.all(working);
        },
      };
    },
    async count() {
      return Number(
        await show(`SELECT count(*) FROM pgboss.job WHERE name = '${name}' AND state < 'completed'`),
      );
    },
    close: async () => boss.stop({ graceful: false }),
  };
}

async function pause(): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, 20);
  });
}
