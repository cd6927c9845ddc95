import { expect, test } from 'vitest';
import { AjvBodySchemas } from './ajv-body-schemas.ts';

const schemas = new AjvBodySchemas();
const compile = (schema: unknown) => schemas.compile(JSON.stringify(schema));
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const ORDER = {
  type: 'object',
  required: ['number', 'lines'],
  properties: {
    number: { type: 'string', minLength: 1 },
    lines: {
      type: 'array',
      minItems: 1,
      items: { type: 'object', properties: { count: { type: 'integer' } } },
    },
  },
  additionalProperties: false,
};

test.each([
  ['{"number":"A-1","lines":[{"count":1}]}', true],
  ['{"number":"A-1","lines":[]}', false],
  ['{"number":1,"lines":[{}]}', false],
  ['{"number":"A-1","lines":[{"count":1.5}]}', false],
  ['{"number":"A-1","lines":[{}],"more":1}', false],
  ['{"number":"A-1"}', false],
  ['not JSON', false],
  ['', false],
  ['['.repeat(100_000), false],
])('%s fits: %j', (body, fits) => {
  expect(compile(ORDER)(bytes(body))).toBe(fits);
});

test('bytes that are no UTF-8 fit nothing, not even the schema that takes everything', () => {
  expect(compile(true)(Uint8Array.of(0x22, 0xff, 0x22))).toBe(false);
  expect(compile(true)(bytes('1'))).toBe(true);
});

test.each<[string, unknown]>([
  ['a regular expression', { type: 'string', pattern: '^(a+)+$' }],
  ['one for names', { patternProperties: { '^(a+)+$': {} } }],
  ['a reference to itself', { $ref: '#' }],
  [
    'a reference deep inside',
    { properties: { a: { anyOf: [{ items: { $ref: 'https://example.com/x' } }] } } },
  ],
  ['an identity', { $id: 'https://example.com/x' }],
  ['definitions', { $defs: { a: {} } }],
  ['comparing all items', { uniqueItems: true }],
  ['a format', { format: 'email' }],
  ['asynchronous checks', { $async: true }],
  ['an unknown keyword', { typ: 'object' }],
  ['a wrong type', { type: 'thing' }],
  ['a wrong bound', { minLength: -1 }],
  ['a text', 'object'],
  ['a list', []],
  ['nil', null],
  ['too many levels', Array.from({ length: 30 }).reduce((inner: unknown) => ({ not: inner }), {})],
  ['too many alternatives', { anyOf: Array.from({ length: 600 }, () => ({})) }],
  ['too many characters', { description: 'x'.repeat(40_000) }],
])('%s is refused', (_what, schema) => {
  expect(() => compile(schema)).toThrow(expect.objectContaining({ code: 'invalid-request' }));
});
