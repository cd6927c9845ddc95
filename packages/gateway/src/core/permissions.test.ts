import { expect, test } from 'vitest';
import { allows, isPattern } from './permissions.ts';

test.each([
  ['orders', 'orders', true],
  ['orders', 'orders2', false],
  ['orders', 'order', false],
  ['orders*', 'orders', true],
  ['orders*', 'orders-north', true],
  ['orders*', 'order', false],
  ['*', 'anything', true],
  ['o*s', 'orders', false],
  ['**', 'orders', false],
  ['', 'orders', false],
])('the pattern %j for the queue %j: %j', (pattern, queue, expected) => {
  expect(allows({ send: [pattern], receive: [], manage: [] }, 'send', queue)).toBe(expected);
});

test('what no pattern names is denied, and one permission is not another', () => {
  expect(allows({ send: [], receive: [], manage: [] }, 'send', 'orders')).toBe(false);
  expect(allows({ send: ['*'], receive: [], manage: [] }, 'receive', 'orders')).toBe(false);
});

test.each([
  ['orders', true],
  ['orders.*', true],
  ['*', true],
  ['a'.repeat(128), true],
  ['a'.repeat(129), false],
  [`${'a'.repeat(127)}*`, true],
  [`${'a'.repeat(128)}*`, false],
  ['*orders', false],
  ['or*ders', false],
  ['Orders', false],
  ['', false],
  ['orders\n', false],
])('%j is a pattern: %j', (text, expected) => {
  expect(isPattern(text)).toBe(expected);
});
