import { expect, test } from 'vitest';
import { readSuperstore, tenThousandths } from './superstore.ts';

test('a decimal becomes the whole number of 1/10,000 that it says, also where binary fractions do not', () => {
  const decimals = ['957.5775', '0.1', '1.005', '22638.48', '0', '-3.5', '7'];
  const numbers = [9_575_775, 1000, 10_050, 226_384_800, 0, -35_000, 70_000];
  expect(decimals.map(tenThousandths)).toEqual(numbers);
});

test('what is no decimal with four places is refused', () => {
  for (const wrong of ['', '1.23456', '1e3', '1,5', ' 1', 'NaN'])
    expect(() => tenThousandths(wrong)).toThrow(/decimal/);
});

test('the file holds 5,009 orders with 9,994 lines, worth 2,297,200.8603', () => {
  const orders = readSuperstore();
  expect(orders).toHaveLength(5009);
  expect(new Set(orders.map(({ order }) => order)).size).toBe(5009);
  const lines = orders.flatMap((order) => order.lines);
  expect(lines).toHaveLength(9994);
  expect(new Set(lines.map(({ row }) => row)).size).toBe(9994);
  expect(orders.reduce((sum, { total }) => sum + total, 0)).toBe(22_972_008_603);
});

test('an order has its own lines and their sum', () => {
  const [order] = readSuperstore();
  expect(order).toMatchObject({
    order: 'CA-2016-152156',
    customer: 'Claire Gute',
    total: 2_619_600 + 7_319_400,
  });
  expect(order?.lines.map(({ row, sales }) => [row, sales])).toEqual([
    [1, 2_619_600],
    [2, 7_319_400],
  ]);
});
