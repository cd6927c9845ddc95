import { LIMITS } from '@fieldpost/protocol';
import type { InvalidCase } from './corpus-case.ts';
import * as raw from './raw-messagepack.ts';

const ID = raw.hex('0192bd1e480070008000000000000001');
const BODY = raw.hex('7b7d');

/** What texts of a message never have. */
const NOT_PLAIN: Readonly<Record<string, string>> = {
  nul: 'a\0b',
  'line-ends': 'a\r\nX-Admin: yes',
  'ansi-escape': '\u{1b}[31mred',
  delete: 'a\u{7f}',
  'upper-control': 'a\u{85}b',
};

const TEXTS: Readonly<Record<string, number>> = {
  contentType: LIMITS.contentTypeCharacters,
  label: LIMITS.labelCharacters,
  correlationId: LIMITS.tokenCharacters,
  replyTo: LIMITS.tokenCharacters,
  traceparent: LIMITS.tokenCharacters,
  replaces: LIMITS.tokenCharacters,
  groupId: LIMITS.tokenCharacters,
};

const TIMES = ['timeToReachQueueMs', 'timeToLiveMs', 'deliverAfterMs'];

export const invalidMessageCases: readonly InvalidCase[] = [
  bytes('nothing', 'no bytes: in a run that is a skip, and no message', new Uint8Array(0)),
  bytes('id-only', 'the length of the properties is missing', ID),
  bytes('one-short', '17 bytes', raw.join(ID, raw.hex('00'))),
  bytes('properties-missing', 'properties that are not there', raw.join(ID, raw.hex('ffff'), BODY)),
  bytes(
    'properties-beyond-limit',
    'more bytes of properties than allowed',
    withLength(LIMITS.propertiesBytes + 1),
  ),
  properties('not-messagepack', 'a format that MessagePack never uses', raw.hex('c1')),
  properties('cut-off', 'a map that ends too early', raw.hex('81a16c')),
  properties('trailing', 'a byte after the map', raw.join(raw.map({ label: raw.text('x') }), raw.NIL)),
  properties('array', 'properties are a map', raw.array()),
  properties('nil', 'properties are a map', raw.NIL),
  properties('text', 'properties are a map', raw.text('x')),
  properties('timestamp', 'extension types are not used', raw.hex('d6ff00000000')),
  properties('key-twice', 'a key stands twice', raw.mapOf([label('a'), label('b')])),
  properties('deep', '10,000 levels', raw.join(new Uint8Array(10_000).fill(0x91), raw.NIL)),
  properties('claims-4-gib', 'bytes that are not there', raw.hex('81a161c6ffffffff')),
  ...Object.entries(TEXTS).flatMap(([name, characters]) => [
    properties(
      `${name}-long`,
      'longer than its limit',
      raw.map({ [name]: raw.text('x'.repeat(characters + 1)) }),
    ),
    properties(`${name}-number`, 'a text', raw.map({ [name]: raw.small(1) })),
    properties(`${name}-nil`, 'an absent property is left out, not nil', raw.map({ [name]: raw.NIL })),
    properties(`${name}-lone-surrogate`, 'no UTF-8', raw.map({ [name]: raw.textOfBytes(raw.hex('eda080')) })),
    ...Object.entries(NOT_PLAIN).map(([what, text]) =>
      properties(`${name}-${what}`, 'control characters', raw.map({ [name]: raw.text(text) })),
    ),
  ]),
  ...['contentType', 'correlationId', 'replyTo', 'replaces', 'groupId'].map((name) =>
    properties(`${name}-empty`, 'left out when there is none', raw.map({ [name]: raw.text('') })),
  ),
  ...TIMES.flatMap((name) => [
    properties(`${name}-text`, 'a number', raw.map({ [name]: raw.text('1') })),
    properties(`${name}-nil`, 'an absent property is left out, not nil', raw.map({ [name]: raw.NIL })),
    properties(`${name}-negative`, 'from 0', raw.map({ [name]: raw.hex('ff') })),
    properties(`${name}-fraction`, 'a whole number', raw.map({ [name]: raw.hex('cb3ff8000000000000') })),
    properties(`${name}-nan`, 'a number', raw.map({ [name]: raw.hex('cb7ff8000000000000') })),
    properties(`${name}-long`, 'longer than its limit', raw.map({ [name]: uint64(LIMITS.durationMs + 1) })),
  ]),
  properties('ack-unknown', 'one of four', raw.map({ ack: raw.text('never') })),
  properties('ack-number', 'a text', raw.map({ ack: raw.small(1) })),
  properties('ack-nil', 'an absent property is left out, not nil', raw.map({ ack: raw.NIL })),
  ...headers(),
  {
    name: 'message-body-too-large',
    about: 'one byte more than a body has',
    kind: 'message',
    bytes: bodyOf(LIMITS.bodyBytesMax + 1),
    code: 'too-large',
  },
];

function headers(): InvalidCase[] {
  const of = (name: string, about: string, value: Uint8Array): InvalidCase =>
    properties(`headers-${name}`, about, raw.map({ headers: value }));
  const many = Object.fromEntries(
    Array.from({ length: LIMITS.headers + 1 }, (_, index) => [`h${index}`, raw.text('')]),
  );
  return [
    of('array', 'a map', raw.array()),
    of('bytes', 'a map', raw.bin(BODY)),
    of('nil', 'an absent property is left out, not nil', raw.NIL),
    of('number-value', 'values are texts', raw.map({ a: raw.small(1) })),
    of('map-value', 'values are texts', raw.map({ a: raw.map({}) })),
    of('empty-name', 'a name is not empty', raw.map({ '': raw.text('x') })),
    of('proto', 'the name __proto__', raw.map({ ['__proto__']: raw.text('x') })),
    of('twice', 'a name stands twice', raw.mapOf([label('a'), label('b')])),
    of('number-name', 'names are texts', raw.mapOf([[raw.small(1), raw.text('x')]])),
    of('too-many', `more than ${LIMITS.headers}`, raw.map(many)),
    of(
      'too-large',
      `more than ${LIMITS.headersBytes} bytes`,
      raw.map({ a: raw.text('x'.repeat(LIMITS.headersBytes)) }),
    ),
    ...Object.entries(NOT_PLAIN).flatMap(([what, text]) => [
      of(`name-${what}`, 'control characters', raw.map({ [text]: raw.text('x') })),
      of(`value-${what}`, 'control characters', raw.map({ a: raw.text(text) })),
    ]),
    of('value-lone-surrogate', 'no UTF-8', raw.map({ a: raw.textOfBytes(raw.hex('eda080')) })),
  ];
}

/** In MessagePack's longest form. */
function uint64(value: number): Uint8Array {
  return raw.hex(`cf${value.toString(16).padStart(16, '0')}`);
}

function label(value: string): Uint8Array[] {
  return [raw.text('label'), raw.text(value)];
}

function withLength(length: number): Uint8Array {
  const filler = raw.join(
    raw.hex('81a161'),
    raw.hex('c5'),
    Uint8Array.of((length - 6) >> 8, (length - 6) & 0xff),
    new Uint8Array(length - 6),
  );
  return raw.join(ID, Uint8Array.of(length >> 8, length & 0xff), filler, BODY);
}

function bodyOf(length: number): Uint8Array {
  const message = new Uint8Array(18 + length);
  message.set(ID);
  return message;
}

function properties(name: string, about: string, encoded: Uint8Array): InvalidCase {
  const length = Uint8Array.of(encoded.length >> 8, encoded.length & 0xff);
  return bytes(`properties-${name}`, about, raw.join(ID, length, encoded, BODY));
}

function bytes(name: string, about: string, message: Uint8Array): InvalidCase {
  return {
    name: `message-${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    about,
    kind: 'message',
    bytes: message,
    code: 'bad-message',
  };
}
