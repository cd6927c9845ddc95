import { call } from './gateway.ts';
import { QUEUES } from './orders.ts';

// Makes the queues of the workflow and sends orders: `node send-orders.ts 20`.

const count = Number(process.argv[2] ?? 20);
// A kill counts as a failed delivery of all that the agent had in hand: so many more than usual, and short delays.
const settings = { maxDeliveries: 50, retryDelaysMs: [1000] };
for (const queue of Object.values(QUEUES)) await call('PUT', `/v1/queues/${queue}`, settings);
// With ids of its own, this can be started again after a crash: every order is in the queue once.
const messages = Array.from({ length: count }, (_, index) => ({
  id: `0190a000-0000-7000-8000-${String(index + 1).padStart(12, '0')}`,
  body: {
    number: `A-${index + 1}`,
    customer: `customer ${(index % 7) + 1}`,
    pieces: (index % 25) + 1,
    // Every tenth is too much for its customer's credit.
    total: index % 10 === 9 ? 250_000 : 1_000 + index,
  },
}));
await call('POST', `/v1/queues/${QUEUES.orders}/messages`, { messages });
console.log(`${count} orders are in the queue`);
