import { expect, test } from 'vitest';
import { makeOrders } from './orders.ts';

test('orders of a seed are the same each time, whatever part is asked for', () => {
  expect(makeOrders(1, 5, 20)).toEqual(makeOrders(1, 25).slice(20));
  expect(makeOrders(2, 5)).not.toEqual(makeOrders(1, 5));
});

test('orders have about 300 bytes and ids of their own', () => {
  const orders = makeOrders(1, 1000);
  const bytes = orders.reduce((sum, order) => sum + JSON.stringify(order).length, 0) / orders.length;
  expect(bytes).toBeGreaterThan(285);
  expect(bytes).toBeLessThan(315);
  expect(new Set(orders.map(({ id }) => id)).size).toBe(1000);
});
