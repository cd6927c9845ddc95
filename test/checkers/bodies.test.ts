import { expect, test } from 'vitest';
import { findChangedBodies } from './bodies.ts';

const sent = new Map([['one', { total: 100, lines: [{ sales: 40 }, { sales: 60 }] }]]);

test('an equal body is found equal whatever the order of its members', () => {
  const body = { lines: [{ sales: 40 }, { sales: 60 }], total: 100 };
  expect(findChangedBodies(sent, [{ key: 'one', body }])).toEqual([]);
});

test('names the place of the first difference and both values', () => {
  const body = { total: 100, lines: [{ sales: 40 }, { sales: 61 }] };
  expect(findChangedBodies(sent, [{ key: 'one', body }])).toEqual([
    { key: 'one', difference: 'body.lines.1.sales: 60 was sent, 61 arrived' },
  ]);
});

test('a member more or less is a difference', () => {
  const body = { total: 100, lines: [{ sales: 40 }], note: 'x' };
  expect(findChangedBodies(sent, [{ key: 'one', body }])[0]?.difference).toContain('body.lines.1');
});

test('a missing body is a difference; a key that nobody sent is passed over', () => {
  const arrived = [
    { key: 'one', body: undefined },
    { key: 'two', body: {} },
  ];
  expect(findChangedBodies(sent, arrived).map(({ key }) => key)).toEqual(['one']);
});
