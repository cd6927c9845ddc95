import { DatabaseSync } from 'node:sqlite';
import { runAgent } from './agent.ts';
import { QUEUES } from './orders.ts';

// Invoice numbers have no gaps, so this agent keeps count in a database of its own. That is an effect outside the gateway:
// the number is noted under the message's id, which stays the same however often the message comes again.

const database = new DatabaseSync(process.env['INVOICES_DATABASE'] ?? 'invoices.sqlite');
database.exec(`
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA busy_timeout = 5000;
  CREATE TABLE IF NOT EXISTS numbers (number INTEGER PRIMARY KEY, message_id TEXT NOT NULL UNIQUE);
`);
// One statement is one transaction: a message gets the next number, or has one already.
const note = database.prepare('INSERT INTO numbers (message_id) VALUES (?) ON CONFLICT DO NOTHING');
const find = database.prepare('SELECT number FROM numbers WHERE message_id = ?');

await runAgent(QUEUES.invoicing, ({ id, body: order }) => {
  note.run(id);
  const invoice = Number(find.get(id)?.['number']);
  return [
    {
      queue: QUEUES.invoices,
      body: { invoice, order: order.number, customer: order.customer, total: order.total },
      label: `invoice ${invoice}`,
    },
  ];
});
database.close();
