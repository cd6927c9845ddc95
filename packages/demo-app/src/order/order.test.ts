import { expect, it } from 'vitest';
import { lineTotal, orderNumber, orderTotal } from './order.ts';

it('takes a discount off exactly, where floats would not', () => {
  // 5 × 348.21 less 45 % is 957.5775; in floats it is 957.5775000000001.
  expect(lineTotal({ unitPrice: 3_482_100, quantity: 5, discountPercent: 45 })).toBe(9_575_775);
});

it('stays a whole number for every percentage', () => {
  for (let discountPercent = 0; discountPercent <= 100; discountPercent += 1)
    expect(lineTotal({ unitPrice: 100, quantity: 1, discountPercent })).toBe(100 - discountPercent);
});

it('sums the totals of the lines', () => {
  expect(orderTotal([{ total: 9_575_775 }, { total: 146_200 }])).toBe(9_721_975);
  expect(orderTotal([])).toBe(0);
});

it('names an order after its rep and the end of its id, which differs most', () => {
  expect(orderNumber('Maya Lindqvist', '0199a3f2-0000-7000-8000-0000deadbeef')).toBe('ML-DEADBEEF');
});
