import { createConsumer } from '@fieldpost/sdk/consumer';
import { LedgerWriter } from './ledger.ts';
import { readOrder } from './read-order.ts';

// The office: books orders into a database of its own. Runs as a process of its own, so that it can be killed.
// Stops at SIGTERM, or when the process that started it is gone.

const ledger = new LedgerWriter(setting('LEDGER'));
const dieAfter = Number(process.env['FIELD_DAY_DIE_AFTER'] ?? 'NaN');
let booked = 0;

const consumer = createConsumer({
  gateway: setting('GATEWAY'),
  token: setting('TOKEN'),
  queue: setting('QUEUE'),
  parse: readOrder,
  concurrency: 16,
  // Short, so that what a killed consumer held comes back soon.
  leaseMs: 2000,
  retryDelayMs: () => 0,
  onProblem: (problem) => console.error(JSON.stringify(problem, describeErrors)),
});

const stop = (): void => {
  consumer.close().catch(fail);
};
process.once('SIGTERM', stop);
process.once('disconnect', stop);

await consumer.run((message) => {
  ledger.book({
    arrival: arrivalOf(message.receipt),
    messageId: message.id,
    deliveryCount: message.deliveryCount,
    tablet: message.headers['tablet'] ?? '',
    body: message.body,
  });
  booked += 1;
  // The worst moment: the work is committed, the gateway has not heard of it.
  if (booked === dieAfter) process.kill(process.pid, 'SIGKILL');
});
ledger.close();
process.disconnect?.();

/**
 * A receipt begins with the key of the message's row, which grows with each arrival in its lane. Consumers have no
 * business to know; a check that counts arrivals before anything could sort out doubles has.
 */
function arrivalOf(receipt: string): number {
  const match = /^([0-9a-z]{1,11})\./.exec(receipt);
  if (match?.[1] === undefined) throw new Error(`this receipt does not tell the arrival: ${receipt}`);
  return Number.parseInt(match[1], 36);
}

function setting(name: string): string {
  const value = process.env[`FIELD_DAY_${name}`];
  if (value === undefined) throw new Error(`FIELD_DAY_${name} is not set`);
  return value;
}

function describeErrors(_: string, value: unknown): unknown {
  return value instanceof Error ? value.message : value;
}

function fail(error: unknown): void {
  console.error(error);
  process.exit(1);
}
