import { expect, test } from 'vitest';
import { findOutOfOrder } from './order.ts';

const lanes = new Map([
  ['anna', ['a1', 'a2', 'a3']],
  ['ben', ['b1', 'b2']],
]);

test('lanes may interleave as they like', () => {
  expect(findOutOfOrder(lanes, arrivals('a1 b1 a2 b2 a3'))).toEqual([]);
});

test('finds the one that came after something sent later', () => {
  expect(findOutOfOrder(lanes, arrivals('a1 a3 a2 b1 b2'))).toEqual([
    { lane: 'anna', key: 'a2', after: 'a3' },
  ]);
});

test('everything behind a key that ran ahead is out of order', () => {
  expect(findOutOfOrder(lanes, arrivals('a3 a1 a2')).map(({ key }) => key)).toEqual(['a1', 'a2']);
});

test('a hole or a second arrival is no matter of order', () => {
  expect(findOutOfOrder(lanes, arrivals('a1 a3 a1 b2'))).toEqual([]);
});

test('a key that its lane does not know is passed over', () => {
  expect(findOutOfOrder(lanes, [{ lane: 'carl', key: 'a1' }, ...arrivals('a1 a2')])).toEqual([]);
});

function arrivals(keys: string): { lane: string; key: string }[] {
  return keys.split(' ').map((key) => ({ key, lane: key.startsWith('a') ? 'anna' : 'ben' }));
}
