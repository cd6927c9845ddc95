import { createRng, type Rng } from '@fieldpost/protocol';
import { expect, test } from 'vitest';
import { itemSources, memberSource } from './json-source.ts';

const texts = [
  '',
  'a',
  '"',
  '\\',
  '\\"',
  '"\\',
  '\\\\',
  '\\\\"',
  '{',
  '}]',
  ',":',
  'ü"ü',
  '\n\t',
  '\u2028',
  '__proto__',
];

function anyValue(rng: Rng, depth: number): unknown {
  const kinds = depth === 0 ? 4 : 6;
  switch (rng.below(kinds)) {
    case 0:
      return texts.slice(0, rng.below(4)).join('') + rng.pick(texts) + rng.pick(texts);
    case 1:
      return rng.below(2000) / 8 - 100;
    case 2:
      return rng.below(2) === 1;
    case 3:
      return null;
    case 4:
      return Array.from({ length: rng.below(4) }, () => anyValue(rng, depth - 1));
    default:
      return anyObject(rng, depth - 1);
  }
}

function anyObject(rng: Rng, depth: number): Record<string, unknown> {
  return Object.fromEntries(
    Array.from({ length: rng.below(5) }, () => [rng.pick(texts), anyValue(rng, depth)]),
  );
}

/** How a value stands in a text that is indented by so much, one level deep. */
function standing(value: unknown, indent: number): string {
  return JSON.stringify(value, undefined, indent).replaceAll('\n', `\n${' '.repeat(indent)}`);
}

test('the source of a member or an item is its own text, whatever stands in strings', () => {
  const rng = createRng('json-source');
  for (let round = 0; round < 2000; round++) {
    const indent = round % 3;
    const object = anyObject(rng, 3);
    const text = JSON.stringify(object, undefined, indent);
    for (const [key, value] of Object.entries(object))
      expect(memberSource(text, key), text).toBe(standing(value, indent));
    expect(memberSource(text, 'nowhere'), text).toBeUndefined();
    const values = Object.values(object);
    expect(itemSources(JSON.stringify(values, undefined, indent))).toEqual(
      values.map((value) => standing(value, indent)),
    );
  }
});

test('the last of several members of a name counts, and digits stay as they were written', () => {
  expect(memberSource('{"n":1, "n" : 12345678901234567890.10 }', 'n')).toBe('12345678901234567890.10');
  expect(memberSource(String.raw`{"\u006e":[1e400]}`, 'n')).toBe('[1e400]');
  expect(itemSources(' [ -0.0 , "]" ] ')).toEqual(['-0.0', '"]"']);
});
