import { runAgent } from './agent.ts';
import { QUEUES } from './orders.ts';

const PIECES_PER_PARCEL = 10;

// One order becomes several messages at once: a label for each parcel, and the request for its invoice.
await runAgent(QUEUES.shipments, ({ body: order }) => {
  const count = Math.ceil(order.pieces / PIECES_PER_PARCEL);
  const parcels = Array.from({ length: count }, (_, index) => ({
    queue: QUEUES.parcels,
    body: { order: order.number, parcel: index + 1, of: count },
  }));
  return [...parcels, { queue: QUEUES.invoicing, body: order, label: `invoice for ${order.number}` }];
});
