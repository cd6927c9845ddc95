import type { Rng } from '@fieldpost/protocol';
import type { BookedOrder } from './order-book.ts';

/** A defect planted on purpose, to show that the checks see it. */
export type Sabotage = 'drop' | 'double' | 'swap' | 'cent';

/** Of one tablet: two can be swapped. */
export const ordersToSabotageMin = 2;

export const SABOTAGES: readonly Sabotage[] = ['drop', 'double', 'swap', 'cent'];

/**
 * A tablet's orders as a tablet with the defect sends them, one defect in the middle of them: an order left out, one sent
 * twice under another id, two sent the wrong way round, one with a cent too much.
 */
export function sabotageOrders(
  orders: readonly BookedOrder[],
  sabotage: Sabotage,
  rng: Rng,
): readonly BookedOrder[] {
  if (orders.length < ordersToSabotageMin)
    throw new Error(`a tablet with ${orders.length} orders cannot be sabotaged: give more orders`);
  const index = rng.below(orders.length - 1);
  const before = orders.slice(0, index);
  const [chosen, next, ...after] = orders.slice(index);
  if (chosen === undefined || next === undefined) throw new Error('the place lies inside the list');
  switch (sabotage) {
    case 'drop':
      return [...before, next, ...after];
    case 'double':
      return [...before, chosen, next, { ...chosen, id: otherId(chosen.id) }, ...after];
    case 'swap':
      return [...before, next, chosen, ...after];
    case 'cent':
      return [...before, addCent(chosen), next, ...after];
  }
}

function addCent(booked: BookedOrder): BookedOrder {
  const [line, ...lines] = booked.body.lines;
  if (line === undefined) throw new Error(`order ${booked.body.order} has no line`);
  return { ...booked, body: { ...booked.body, lines: [{ ...line, sales: line.sales + 100 }, ...lines] } };
}

function otherId(id: string): string {
  return `${id.slice(0, -1)}${id.endsWith('0') ? '1' : '0'}`;
}
