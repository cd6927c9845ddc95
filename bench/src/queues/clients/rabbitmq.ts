import { type Channel, connect, type ConfirmChannel, type Delivery } from 'amqplib';
import type { QueueTarget } from '../queue-contestant.ts';
import { Countdown, type Handle, type QueueClient, type QueueMessage } from './queue-client.ts';

const name = 'orders';

/** RabbitMQ: a quorum queue, persistent messages with publisher confirms, manual acknowledgements of several at once. */
export async function connectRabbitMq({ url }: QueueTarget): Promise<QueueClient> {
  const connection = await connect(url, { noDelay: true });
  const control = await connection.createChannel();
  await control.assertQueue(name, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  const idle: ConfirmChannel[] = [];
  return {
    async describe() {
      const { version } = connection.connection.serverProperties;
      return `RabbitMQ ${version}, quorum queue with one member, publisher confirms`;
    },
    async enqueue(messages) {
      // A channel for each batch under way, used again: confirms are waited for by channel.
      const channel = idle.pop() ?? (await connection.createConfirmChannel());
      for (const message of messages)
        channel.sendToQueue(name, Buffer.from(JSON.stringify(message)), {
          persistent: true,
          contentType: 'application/json',
        });
      await channel.waitForConfirms();
      idle.push(channel);
    },
    async openConsumers({ consumers, atOnce }) {
      const channels = await Promise.all(
        Array.from({ length: consumers }, async () => connection.createChannel()),
      );
      for (const channel of channels) await channel.prefetch(atOnce);
      let isClosed = false;
      return {
        async run(messages, handle) {
          const countdown = new Countdown(messages);
          for (const channel of channels) await startConsumer(channel, countdown, handle, () => isClosed);
          await countdown.reached;
          // Nobody confirms an acknowledgement; an answer on the same channel says that the broker has read it.
          await Promise.all(channels.map(async (channel) => channel.checkQueue(name)));
        },
        async close() {
          isClosed = true;
          await Promise.all(channels.map(async (channel) => channel.close()));
        },
      };
    },
    count: async () => countAll(control),
    close: async () => connection.close(),
  };
}

/** Acknowledges all that came in one turn of the event loop by one frame, as the documentation advises for throughput. */
async function startConsumer(
  channel: Channel,
  countdown: Countdown,
  handle: Handle,
  isClosed: () => boolean,
): Promise<void> {
  let last: Delivery | undefined;
  let pending = 0;
  const acknowledge = (): void => {
    if (last === undefined || isClosed()) return;
    channel.ack(last, true);
    countdown.note(pending);
    last = undefined;
    pending = 0;
  };
  await channel.consume(name, (delivery) => {
    if (delivery === null) return;
    handle(JSON.parse(delivery.content.toString()) as QueueMessage);
    if (pending === 0) setImmediate(acknowledge);
    pending += 1;
    last = delivery;
  });
}

/** The broker counts those that wait for a consumer; when none is connected, that is all. */
async function countAll(channel: Channel): Promise<number> {
  const { messageCount } = await channel.checkQueue(name);
  return messageCount;
}
