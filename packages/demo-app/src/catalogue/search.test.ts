import { expect, test } from 'vitest';
import { search, searchable } from './search.ts';

const items = ['Desk lamp', 'Lamp shade', 'Café table', 'Table lamp'].map((item) => ({
  item,
  text: searchable(item),
}));

test('every word has to be somewhere, in any case and any order', () => {
  expect(search(items, 'LAMP table')).toEqual(['Table lamp']);
});

test('accents need not be typed', () => {
  expect(search(items, 'cafe')).toEqual(['Café table']);
});

test('words that start with what was typed come before those that only hold it', () => {
  expect(search(items, 'able')).toEqual(['Café table', 'Table lamp']);
  expect(search([...items, { item: 'Stable', text: 'stable' }], 'table')).toEqual([
    'Café table',
    'Table lamp',
    'Stable',
  ]);
});

test('nothing typed finds everything, in order', () => {
  expect(search(items, '  ')).toHaveLength(4);
});
