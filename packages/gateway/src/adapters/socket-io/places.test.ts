import { expect, test } from 'vitest';
import { Places } from './places.ts';

test('places are given out up to the limit, and again when they are given back', () => {
  const places = new Places({ connectionsMax: 2, connectionsPerSubjectMax: 2 });
  const first = places.take('anna');
  expect(places.take('ben')).toBeDefined();
  expect(places.take('cleo')).toBeUndefined();
  first?.();
  expect(places.take('cleo')).toBeDefined();
  expect(places.take('anna')).toBeUndefined();
});

test('one subject does not get the places of the others', () => {
  const places = new Places({ connectionsMax: 9, connectionsPerSubjectMax: 2 });
  const anna = [places.take('anna'), places.take('anna')];
  expect(places.take('anna')).toBeUndefined();
  expect(places.take('ben')).toBeDefined();
  for (const leave of anna) leave?.();
  expect(places.take('anna')).toBeDefined();
});

test('a place that is given back twice is one place', () => {
  const places = new Places({ connectionsMax: 2, connectionsPerSubjectMax: 2 });
  const leave = places.take('anna');
  places.take('ben');
  leave?.();
  leave?.();
  expect([places.take('cleo'), places.take('dora')].map((place) => place !== undefined)).toEqual([
    true,
    false,
  ]);
});
