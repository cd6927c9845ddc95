import { createConsumer, type MessageToSend, type ReceivedMessage } from '@fieldpost/sdk/consumer';
import { gatewayUrl, token } from './gateway.ts';
import { type Order, readOrder } from './orders.ts';

/**
 * An agent: takes orders from one queue, works on them, and passes them on. The order leaves its queue and the messages
 * that follow from it arrive in theirs in one transaction; so a kill at any point leaves the order in exactly one place.
 *
 * @param work answers what follows from an order. It may be called again for the same message, after a kill or a lost
 *   lease, so whatever it changes by itself has to bear that.
 */
export async function runAgent(
  queue: string,
  work: (message: ReceivedMessage<Order>) => readonly MessageToSend[],
): Promise<void> {
  const consumer = createConsumer({
    gateway: gatewayUrl(),
    token,
    queue,
    parse: readOrder,
    concurrency: 4,
    // How long an order waits for somebody else when this process is killed.
    leaseMs: Number(process.env['WORKFLOW_LEASE_MS'] ?? 5000),
    onProblem: (problem) => console.error(`${queue}: ${problem.kind}`, problem.error),
  });
  process.once('SIGTERM', () => void consumer.close());
  process.once('SIGINT', () => void consumer.close());
  console.log(`working on ${queue}`);
  await consumer.run(async (message) => {
    const outcome = await message.complete({ send: work(message) });
    if (outcome === 'settled') console.log(`${queue}: ${message.body.number} is done`);
  });
}
