import { encode } from '@msgpack/msgpack';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { LIMITS } from './limits.ts';
import { type MessagePackValue, readMessagePack } from './read-messagepack.ts';

const read = (digits: string): MessagePackValue =>
  readMessagePack(Buffer.from(digits, 'hex'), 'malformed-frame');

// One line per format of the specification, at both ends of its range.
test.each<[string, string, unknown]>([
  ['positive fixint', '00', 0],
  ['positive fixint', '7f', 127],
  ['negative fixint', 'e0', -32],
  ['negative fixint', 'ff', -1],
  ['nil', 'c0', null],
  ['false', 'c2', false],
  ['true', 'c3', true],
  ['uint 8', 'ccff', 255],
  ['uint 16', 'cdffff', 65_535],
  ['uint 32', 'ceffffffff', 4_294_967_295],
  ['uint 64', 'cf001fffffffffffff', Number.MAX_SAFE_INTEGER],
  ['int 8', 'd080', -128],
  ['int 16', 'd18000', -32_768],
  ['int 32', 'd280000000', -2_147_483_648],
  ['int 64', 'd3ffe0000000000001', Number.MIN_SAFE_INTEGER],
  ['int 64', 'd3001fffffffffffff', Number.MAX_SAFE_INTEGER],
  ['float 32', 'ca3fc00000', 1.5],
  ['float 64', 'cbbff8000000000000', -1.5],
  ['fixstr', 'a0', ''],
  ['fixstr', 'a3e282ac', '€'],
  ['str 8', 'd90161', 'a'],
  ['str 16', 'da000161', 'a'],
  ['str 32', 'db0000000161', 'a'],
  ['bin 8', 'c40107', Uint8Array.of(7)],
  ['bin 16', 'c5000107', Uint8Array.of(7)],
  ['bin 32', 'c60000000107', Uint8Array.of(7)],
  ['fixarray', '920102', [1, 2]],
  ['array 16', 'dc000101', [1]],
  ['array 32', 'dd0000000101', [1]],
  ['fixmap', '81a16101', { a: 1 }],
  ['map 16', 'de0001a16101', { a: 1 }],
  ['map 32', 'df00000001a16101', { a: 1 }],
])('%s %s', (_format, digits, value) => {
  const made = read(digits);
  expect(made instanceof Uint8Array ? Uint8Array.from(made) : made).toStrictEqual(value);
});

test.each<[string, string, RegExp]>([
  ['no value', '', /0 are left/],
  ['two values', '0101', /1 bytes are left after the value/],
  ['the unused format', 'c1', /0xc1 is not used/],
  ...['c700', 'c80000', 'c900000000', 'd4', 'd5', 'd6', 'd7', 'd8'].map(
    (digits): [string, string, RegExp] => [
      'an extension',
      `${digits}ff${'00'.repeat(16)}`,
      /is not used here/,
    ],
  ),
  ['a number cut off', 'cf00', /8|4 bytes are claimed/],
  ['more items than bytes', '9300', /3 values are claimed, 1 bytes are left/],
  ['more entries than bytes', '82a16101', /4 values are claimed, 3 bytes are left/],
  ['a key twice', '82a16101a16102', /a key twice/],
  ['a key twice in other forms', '82a16101d9016102', /a key twice/],
  ['the key __proto__', '81a95f5f70726f746f5f5f80', /__proto__/],
  ['a number for a key', '810101', /not a text/],
  ['text that is not UTF-8', 'a1ff', /not UTF-8/],
])('refuses %s (%s)', (_what, digits, message) => {
  expect(() => read(digits)).toThrow(
    expect.objectContaining({ code: 'malformed-frame', message: expect.stringMatching(message) }),
  );
});

test('tells the code that its caller asked for', () => {
  expect(() => readMessagePack(new Uint8Array(0), 'bad-message')).toThrow(
    expect.objectContaining({ code: 'bad-message' }),
  );
});

test('goes as deep as allowed and no deeper', () => {
  expect(() => read(`${'91'.repeat(LIMITS.frameDepth)}00`)).not.toThrow();
  expect(() => read(`${'91'.repeat(LIMITS.frameDepth + 1)}00`)).toThrow(
    `more than ${LIMITS.frameDepth} levels`,
  );
});

test('reads as many values as allowed and no more', () => {
  const arrayOf = (items: number): string => `dd${items.toString(16).padStart(8, '0')}${'c0'.repeat(items)}`;
  expect(() => read(arrayOf(LIMITS.frameValues - 1))).not.toThrow();
  expect(() => read(arrayOf(LIMITS.frameValues))).toThrow(`more than ${LIMITS.frameValues} values`);
});

test('keeps keys that objects inherit as keys of their own', () => {
  const map = read('82ab636f6e7374727563746f7201a8746f537472696e6702');
  expect(Object.entries(map ?? {})).toEqual([
    ['constructor', 1],
    ['toString', 2],
  ]);
});

test('reads what a general encoder writes', { timeout: 60_000 }, () => {
  const key = fc.string({ unit: 'grapheme' }).filter((text) => text !== '__proto__');
  const leaf = fc.oneof(
    fc.boolean(),
    fc.constant(null),
    fc.maxSafeInteger(),
    fc.double(),
    fc.string({ unit: 'grapheme', maxLength: 300 }),
    fc.uint8Array(),
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.array(tie('value'), { maxLength: 20 }),
      fc.dictionary(key, tie('value'), { maxKeys: 20, noNullPrototype: true }),
    ),
  }));
  fc.assert(
    fc.property(value, (made) => {
      // The encoder writes -0 as 0.
      expect(plain(readMessagePack(encode(made), 'malformed-frame'))).toEqual(plain(made));
    }),
    { numRuns: 500 },
  );
});

function plain(value: unknown): unknown {
  if (Object.is(value, -0)) return 0;
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return new Map(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}
