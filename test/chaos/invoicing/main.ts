import { createConsumer, createDoneMessages } from '@fieldpost/sdk/consumer';
import { Client } from 'pg';

// Writes an invoice for each order into a PostgreSQL of its own. A process, so that it can be killed: it kills itself
// at `DIE_AT`, such as `after-commit:3`, counted in messages. `NOTE=no` leaves the note out, to see that it matters.

const [place = '', at = '0'] = (process.env['INVOICING_DIE_AT'] ?? '').split(':');
const notes = process.env['INVOICING_NOTE'] !== 'no';
let handled = 0;

const database = new Client({ connectionString: setting('DATABASE') });
await database.connect();
const done = createDoneMessages({ work: 'invoices' });

const consumer = createConsumer({
  gateway: setting('GATEWAY'),
  token: setting('TOKEN'),
  queue: setting('QUEUE'),
  parse: readOrder,
  leaseMs: 1000,
  prefetch: 0,
});
process.once('SIGTERM', () => void consumer.close());

await consumer.run(async (message) => {
  handled += 1;
  await database.query('BEGIN');
  if (!notes || (await done.note(database, message))) {
    await database.query('INSERT INTO invoices (number, total) VALUES ($1, $2)', [
      message.body.number,
      message.body.total,
    ]);
  } else {
    await database.query('INSERT INTO repeats (message_id) VALUES ($1)', [message.id]);
  }
  dieHere('before-commit');
  await database.query('COMMIT');
  dieHere('after-commit');
});
await database.end();

function dieHere(here: string): void {
  if (place === here && handled === Number(at)) process.kill(process.pid, 'SIGKILL');
}

function readOrder(body: unknown): { readonly number: string; readonly total: number } {
  if (typeof body !== 'object' || body === null) throw new TypeError('an order is an object');
  if (!('number' in body) || typeof body.number !== 'string') throw new TypeError('an order has a number');
  if (!('total' in body) || typeof body.total !== 'number') throw new TypeError('an order has a total');
  return { number: body.number, total: body.total };
}

function setting(name: string): string {
  const value = process.env[`INVOICING_${name}`];
  if (value === undefined) throw new Error(`INVOICING_${name} is not set`);
  return value;
}
