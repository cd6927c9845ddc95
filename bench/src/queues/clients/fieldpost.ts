import { createConsumer } from '@fieldpost/sdk/consumer';
import { queue } from '../../load/fieldpost-device.ts';
import type { QueueTarget } from '../queue-contestant.ts';
import { Countdown, type QueueClient, type QueueMessage } from './queue-client.ts';

/** The gateway: producers POST to its API, consumers use the consumer library and await each acknowledgement. */
export async function connectFieldpost({ url, token }: QueueTarget): Promise<QueueClient> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const path = `${url}/v1/queues/${queue}`;
  const ask = async <Answer>(address: string, init: RequestInit): Promise<Answer> => {
    const response = await fetch(address, { ...init, headers });
    const text = await response.text();
    if (!response.ok) throw new Error(`${address} answered ${response.status}: ${text}`);
    return JSON.parse(text) as Answer;
  };
  await ask(path, { method: 'PUT', body: '{}' });
  return {
    describe: async () => 'SQLite, journal_mode WAL, synchronous FULL',
    async enqueue(messages) {
      const body = JSON.stringify({ messages: messages.map((message) => ({ body: message })) });
      await ask(`${path}/messages`, { method: 'POST', body });
    },
    async openConsumers({ consumers: count, atOnce }) {
      const problems: string[] = [];
      const consumers = Array.from({ length: count }, () =>
        createConsumer({
          gateway: url,
          token,
          queue,
          concurrency: atOnce,
          parse: (body) => body as QueueMessage,
          onProblem: (problem) => problems.push(JSON.stringify(problem)),
        }),
      );
      let running: readonly Promise<void>[] = [];
      return {
        async run(messages, handle) {
          const countdown = new Countdown(messages);
          running = consumers.map(async (consumer) =>
            consumer.run(async (message) => {
              handle(message.body);
              await message.ack();
              countdown.note(1);
            }),
          );
          await Promise.race([countdown.reached, Promise.all(running)]);
        },
        async close() {
          await Promise.all(consumers.map(async (consumer) => consumer.close()));
          await Promise.all(running);
          if (problems.length > 0) throw new Error(`consumers met problems: ${problems.join('; ')}`);
        },
      };
    },
    async count() {
      const { ready, leased, delayed } = await ask<{ ready: number; leased: number; delayed: number }>(
        path,
        {},
      );
      return ready + leased + delayed;
    },
    close: async () => undefined,
  };
}
