import { expect, test } from 'vitest';
import { sampleOrder } from '../src/order/sample-order.ts';
import { readOrder } from './read-order.ts';

test('an order as the app sends it is read', () => {
  const order = sampleOrder();
  expect(readOrder(JSON.parse(JSON.stringify(order)))).toEqual({ order });
});

test('a total that the lines do not give is refused, off by one ten-thousandth', () => {
  expect(readOrder(sampleOrder({ total: 9_575_776 }))).toMatchObject({
    reason: expect.stringContaining('9575775'),
  });
});

test('a line whose total is not its price times its quantity less its discount is refused', () => {
  const [line] = sampleOrder().lines;
  if (line === undefined) throw new Error('the sample has no line');
  const order = sampleOrder({ lines: [{ ...line, total: line.total - 1 }], total: line.total - 1 });
  expect(readOrder(order)).toMatchObject({ reason: expect.stringContaining('FUR-TA-10000577') });
});

test.each([
  ['nothing', undefined],
  ['a text', 'an order'],
  ['no lines', sampleOrder({ lines: [], total: 0 })],
  ['another version', { ...sampleOrder(), version: 2 }],
  ['an id that is no UUID', sampleOrder({ id: '../../etc' })],
  ['a fraction', sampleOrder({ total: 1.5 })],
])('%s is no order', (_, body) => {
  expect(readOrder(body)).toHaveProperty('reason');
});
