import { describe, expect, test } from 'vitest';
import type { MessageId } from './ids.ts';
import { LIMITS } from './limits.ts';
import {
  decodeMessage,
  decodeProperties,
  encodeMessage,
  encodeProperties,
  type MessageProperties,
  splitMessage,
} from './message.ts';

const id = '0192bd1e-4800-7000-8000-000000000001' as MessageId;
const body = Uint8Array.of(1, 2, 3);

test('a message is its id, the length of its properties, these, and the body', () => {
  const bytes = encodeMessage({ id, properties: { label: 'x' }, body });
  expect(Buffer.from(bytes).toString('hex')).toBe(
    '0192bd1e480070008000000000000001' + '0009' + '81a56c6162656ca178' + '010203',
  );
});

test('a message without properties spends two bytes on them', () => {
  expect(encodeMessage({ id, properties: {}, body })).toHaveLength(16 + 2 + 3);
  expect(encodeProperties({ label: undefined })).toHaveLength(0);
});

test('splitting looks at lengths alone, and copies nothing', () => {
  const bytes = Buffer.from('00'.repeat(16) + '0001' + 'c1' + 'ff', 'hex');
  const parts = splitMessage(bytes);
  expect([...parts.properties]).toEqual([0xc1]);
  expect([...parts.body]).toEqual([0xff]);
  expect(parts.body.buffer).toBe(bytes.buffer);
  expect(() => decodeMessage(bytes)).toThrow(expect.objectContaining({ code: 'bad-message' }));
});

test('a body over the limit is too large both ways', () => {
  const large = new Uint8Array(LIMITS.bodyBytesMax + 1);
  const tooLarge = expect.objectContaining({ code: 'too-large' });
  expect(() => encodeMessage({ id, properties: {}, body: large })).toThrow(tooLarge);
  const bytes = new Uint8Array(18 + large.length);
  expect(() => decodeMessage(bytes)).toThrow(tooLarge);
  expect(decodeMessage(bytes.subarray(1)).body).toHaveLength(LIMITS.bodyBytesMax);
});

test('an id that is none is a programmer’s error', () => {
  expect(() => encodeMessage({ id: 'x' as MessageId, properties: {}, body })).toThrow('not a UUID: x');
});

describe('properties', () => {
  test('are read as they were written', () => {
    const properties = {
      contentType: 'text/plain',
      headers: { a: 'ä', constructor: '' },
      label: '\u{feff}\u{1f69a}',
    };
    expect(decodeProperties(encodeProperties(properties))).toStrictEqual(properties);
    expect(decodeProperties(new Uint8Array(0))).toEqual({});
  });

  // What the app hands over is checked as strictly as what comes over the wire.
  test.each<[string, unknown, RegExp]>([
    [
      'a header named __proto__',
      { headers: { ['__proto__']: 'x' } },
      /^headers: a name is empty, `__proto__`/,
    ],
    ['a header without a name', { headers: { '': 'x' } }, /^headers: a name is empty/],
    ['a header value that is no text', { headers: { a: 1 } }, /^headers: not a map of texts/],
    ['a list for headers', { headers: ['a'] }, /^headers: not a map of texts/],
    ['a line end in a header', { headers: { a: 'b\r\nc: d' } }, /^headers: a value has control characters/],
    [
      'half a surrogate pair in a label',
      { label: '\u{d83d}' },
      /^label: has control characters or half a surrogate pair/,
    ],
    ['a label one character too long', { label: 'x'.repeat(LIMITS.labelCharacters + 1) }, /^label: /],
    ['an empty correlation id', { correlationId: '' }, /^correlationId: /],
    ['a negative time', { timeToLiveMs: -1 }, /^timeToLiveMs: /],
    ['a time that is no whole number', { deliverAfterMs: 1.5 }, /^deliverAfterMs: /],
    ['a time beyond ten years', { timeToReachQueueMs: LIMITS.durationMs + 1 }, /^timeToReachQueueMs: /],
    ['an empty group', { groupId: '' }, /^groupId: /],
    ['an unknown level of ack', { ack: 'all' }, /^ack: /],
    ['nil', null, /^properties: /],
    [
      'headers of too many bytes',
      { headers: { a: '€'.repeat(LIMITS.headersBytes / 2) } },
      /^headers: more than 8192 bytes/,
    ],
  ])('are refused with %s', (_what, properties, message) => {
    expect(() => encodeProperties(properties as MessageProperties)).toThrow(
      expect.objectContaining({ code: 'bad-message', message: expect.stringMatching(message) }),
    );
  });

  test('count characters as JavaScript does: an emoji is two', () => {
    const truck = '\u{1f69a}';
    const half = LIMITS.labelCharacters / 2;
    expect(decodeProperties(encodeProperties({ label: truck.repeat(half) }))).toEqual({
      label: truck.repeat(half),
    });
    expect(() => encodeProperties({ label: truck.repeat(half + 1) })).toThrow(/^label: /);
  });

  test('fit their limit even when everything is as long as allowed', () => {
    const wide = (characters: number): string => '€'.repeat(characters);
    const properties: MessageProperties = {
      contentType: wide(LIMITS.contentTypeCharacters),
      headers: Object.fromEntries(
        Array.from({ length: LIMITS.headers }, (_, index) => [`${index}`.padStart(2, '0'), 'x'.repeat(254)]),
      ),
      label: wide(LIMITS.labelCharacters),
      correlationId: wide(LIMITS.tokenCharacters),
      replyTo: wide(LIMITS.tokenCharacters),
      traceparent: wide(LIMITS.tokenCharacters),
      replaces: wide(LIMITS.tokenCharacters),
      timeToReachQueueMs: LIMITS.durationMs,
      timeToLiveMs: LIMITS.durationMs,
      deliverAfterMs: LIMITS.durationMs,
      groupId: wide(LIMITS.tokenCharacters),
      ack: 'receive',
    };
    expect(decodeProperties(encodeProperties(properties))).toStrictEqual(properties);
  });

  test('quote no more of a bad value than a line', () => {
    const thrown = (() => {
      try {
        encodeProperties({ contentType: `\n${'x'.repeat(100_000)}` });
      } catch (error) {
        return error;
      }
      return undefined;
    })();
    expect(thrown).toMatchObject({ message: expect.stringMatching(/^[^\n]{1,1024}$/) });
  });
});
