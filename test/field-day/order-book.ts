import { createRng, messageIdFrom } from '@fieldpost/protocol';
import type { Order } from './superstore.ts';

/** An order with the message id that its tablet sends it under, however often it has to begin again. */
export interface BookedOrder {
  readonly id: string;
  readonly body: Order;
}

/** What each tablet sends, in this order. */
export interface OrderBook {
  readonly tablet: string;
  readonly orders: readonly BookedOrder[];
}

/** Deals the orders out to the tablets one after the other: each rep keeps the order of the file. */
export function dealOrders(orders: readonly Order[], tablets: number, seed: string): readonly OrderBook[] {
  return Array.from({ length: tablets }, (_, index) => {
    const own = orders.filter((__, position) => position % tablets === index);
    return {
      tablet: `tablet-${index + 1}`,
      orders: own.map((body) => ({ id: idOf(body, seed), body })),
    };
  });
}

/** From the seed and the order alone, so that a tablet that was killed in mid-send sends the same id again. */
function idOf(order: Order, seed: string): string {
  const random = createRng(`${seed}/${order.order}`).bytes(10);
  return messageIdFrom(Date.parse(`${order.date}T12:00:00Z`), random);
}
