import { runAgent } from './agent.ts';
import { QUEUES } from './orders.ts';

/** What a customer may order at once, in cents. */
const CREDIT = 100_000;

await runAgent(QUEUES.orders, ({ body: order }) => {
  const queue = order.total <= CREDIT ? QUEUES.shipments : QUEUES.questions;
  return [{ queue, body: order, label: `order ${order.number}` }];
});
