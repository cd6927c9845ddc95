import { LIMITS } from '@fieldpost/protocol';
import type { InvalidCase, Kind } from './corpus-case.ts';
import * as raw from './raw-messagepack.ts';
import { order } from './sample-values.ts';

// Every frame is built by hand: an encoder of ours would not make these bytes.

type Fields = Readonly<Record<string, Uint8Array | undefined>>;

const ID = raw.hex('c4100192bd1e480070008000000000000001');
const session = raw.map({ number: raw.small(7), nonce: raw.bin(raw.hex('0102030405060708')) });
const messages = raw.bin(raw.entries(order(1)));

const waiting: Fields = { messages: raw.small(0), bytes: raw.small(0), oldestAgeMs: raw.small(0) };
const stream: Fields = {
  epoch: ID,
  queue: raw.text('orders'),
  priority: raw.small(3),
  acknowledged: raw.small(0),
};
const hello: Fields = {
  type: raw.text('hello'),
  versions: raw.array(raw.small(1), raw.small(1)),
  device: ID,
  streams: raw.array(raw.map(stream)),
  waiting: raw.map(waiting),
};
const run: Fields = {
  ...stream,
  first: raw.small(1),
  attempt: raw.small(0),
  ageMs: raw.small(0),
  messages,
};
const push: Fields = { type: raw.text('push'), session, runs: raw.array(raw.map(run)) };
const closeEpochs: Fields = { type: raw.text('close-epochs'), session, epochs: raw.array(ID) };
const state: Fields = {
  epoch: ID,
  queue: raw.text('orders'),
  priority: raw.small(3),
  attempt: raw.small(0),
  accepted: raw.small(1),
  acceptedId: ID,
  since: raw.small(0),
};
const fate: Fields = { number: raw.small(1), id: ID, code: raw.text('bad-message') };

const helloWith = (fields: Fields): Uint8Array => raw.map({ ...hello, ...fields });
const runWith = (fields: Fields): Uint8Array =>
  raw.map({ ...push, runs: raw.array(raw.map({ ...run, ...fields })) });
const stateWith = (fields: Fields): Uint8Array =>
  raw.map({ type: raw.text('ack'), streams: raw.array(raw.map({ ...state, ...fields })) });
const skipWith = (fields: Fields): Uint8Array =>
  runWith({
    skips: raw.array(raw.map({ index: raw.small(0), id: ID, code: raw.text('cancelled'), ...fields })),
  });

/** What is never a whole number from 0 to 2^53 - 1. */
const NOT_A_COUNT: Fields = {
  'minus-one': raw.hex('ff'),
  'minus-zero': raw.float64(-0),
  fraction: raw.float64(1.5),
  nan: raw.float64(Number.NaN),
  infinity: raw.float64(Number.POSITIVE_INFINITY),
  text: raw.text('1'),
  'two-to-53': raw.uint64(2n ** 53n),
  'two-to-53-plus-1': raw.uint64(2n ** 53n + 1n),
  'two-to-63': raw.uint64(2n ** 63n),
  'largest-uint64': raw.uint64(2n ** 64n - 1n),
  'least-int64': raw.int64(-(2n ** 63n)),
  nil: raw.NIL,
  true: raw.TRUE,
  array: raw.array(raw.small(1)),
  map: raw.map({}),
  bytes: raw.bin(raw.hex('01')),
  missing: undefined,
};

const NOT_A_QUEUE_NAME: Readonly<Record<string, string>> = {
  empty: '',
  long: 'q'.repeat(LIMITS.queueNameCharacters + 1),
  'upper-case': 'Orders',
  nul: 'orders\0',
  'line-end': 'orders\n',
  'ansi-escape': '\u{1b}[31morders',
  bidi: 'orders\u{202e}sredro',
  umlaut: 'aufträge',
  'parent-folder': '../orders',
  slash: 'a/b',
  'encoded-slash': 'a%2Fb',
  'double-slash': '//orders',
  star: 'orders*',
  greater: 'orders.>',
  hash: 'orders/#',
  dot: '.orders',
  space: 'my orders',
};

export const invalidFrameCases: readonly InvalidCase[] = [
  ...numbers('push-first', runWith, 'first', { zero: raw.small(0) }),
  ...numbers('push-acknowledged', runWith, 'acknowledged'),
  ...numbers('push-attempt', runWith, 'attempt'),
  ...numbers('push-age', runWith, 'ageMs'),
  ...numbers('push-priority', runWith, 'priority', { eight: raw.small(LIMITS.priorityMax + 1) }),
  ...numbers(
    'hello-waiting',
    (fields) => helloWith({ waiting: raw.map({ ...waiting, ...fields }) }),
    'messages',
  ),
  ...numbers(
    'push-session-number',
    (fields) =>
      raw.map({
        ...push,
        session: raw.map({ number: raw.small(1), nonce: raw.bin(new Uint8Array(8)), ...fields }),
      }),
    'number',
    { zero: raw.small(0) },
  ),
  ...numbers('skip-index', skipWith, 'index'),
  ...numbers('ack-accepted', stateWith, 'accepted', { zero: raw.small(0) }, 'down'),
  ...numbers(
    'ack-refusal',
    (fields) => stateWith({ refusals: raw.array(raw.map({ ...fate, ...fields })) }),
    'number',
    { zero: raw.small(0) },
    'down',
  ),
  ...Object.entries(NOT_A_COUNT)
    .filter(([name]) => name !== 'missing')
    .map(([name, value]) =>
      refused(`ack-taken-${name}`, 'taken is a whole number', stateWith({ taken: value }), 'down'),
    ),
  refused(
    'ack-taken-as-accepted',
    'taken is above accepted, or absent',
    stateWith({ taken: raw.small(1) }),
    'down',
  ),
  ...Object.entries(NOT_A_QUEUE_NAME).map(([name, queue]) =>
    refused(`push-queue-${name}`, 'not a queue name', runWith({ queue: raw.text(queue) })),
  ),
  refused('push-queue-bytes', 'a queue name is a text', runWith({ queue: raw.bin(raw.hex('6f')) })),
  refused(
    'hello-queue-star',
    'not a queue name',
    helloWith({ streams: raw.array(raw.map({ ...stream, queue: raw.text('*') })) }),
  ),
  ...ids(),
  ...lists(),
  ...texts(),
  ...shapes(),
];

/** One case per value that the field does not take. */
function numbers(
  where: string,
  frameWith: (fields: Fields) => Uint8Array,
  field: string,
  more: Fields = {},
  kind: Kind = 'up',
): InvalidCase[] {
  return Object.entries({ ...NOT_A_COUNT, ...more }).map(([name, value]) =>
    refused(
      `${where}-${name}`,
      `${field} is a whole number within its limits`,
      frameWith({ [field]: value }),
      kind,
    ),
  );
}

function ids(): InvalidCase[] {
  const sizes = { none: 0, short: 15, long: 17 };
  return [
    ...Object.entries(sizes).flatMap(([name, size]) => {
      const value = raw.bin(new Uint8Array(size));
      return [
        refused(`hello-device-${name}`, `an id of ${size} bytes`, helloWith({ device: value })),
        refused(`push-epoch-${name}`, `an epoch of ${size} bytes`, runWith({ epoch: value })),
        refused(`skip-id-${name}`, `an id of ${size} bytes`, skipWith({ id: value })),
      ];
    }),
    refused(
      'hello-device-text',
      'ids travel as bytes',
      helloWith({ device: raw.text('d0000000-0000-4000-8000-000000000001') }),
    ),
    refused(
      'hello-device-array',
      'ids travel as bytes',
      helloWith({ device: raw.array(...Array.from({ length: 16 }, () => raw.small(1))) }),
    ),
    refused(
      'hello-generation-nil',
      'an absent field is left out, not nil',
      helloWith({ generation: raw.NIL }),
    ),
    refused(
      'push-nonce-short',
      'a nonce of 7 bytes',
      raw.map({ ...push, session: raw.map({ number: raw.small(1), nonce: raw.bin(new Uint8Array(7)) }) }),
    ),
    refused('push-session-text', 'a session is a map', raw.map({ ...push, session: raw.text('7') })),
    refused('push-session-missing', 'each push names its session', raw.map({ ...push, session: undefined })),
    refused(
      'push-after-number-only',
      '`after` names an epoch and a number',
      runWith({ after: raw.map({ number: raw.small(1) }) }),
    ),
    refused(
      'push-after-zero',
      'streams start at 1',
      runWith({ after: raw.map({ epoch: ID, number: raw.small(0) }) }),
    ),
    refused(
      'ack-without-id',
      '`acceptedId` goes with an `accepted` above 0',
      stateWith({ acceptedId: undefined }),
      'down',
    ),
  ];
}

function lists(): InvalidCase[] {
  const repeat = (item: Uint8Array, times: number): Uint8Array =>
    raw.array(...Array.from({ length: times }, () => item));
  const skip = raw.map({ index: raw.small(0), id: ID, code: raw.text('cancelled') });
  return [
    refused('push-no-runs', 'a push of no run says nothing', raw.map({ ...push, runs: raw.array() })),
    refused(
      'push-too-many-runs',
      `more than ${LIMITS.pushRuns} runs`,
      raw.map({ ...push, runs: repeat(raw.map(run), LIMITS.pushRuns + 1) }),
    ),
    refused(
      'push-too-many-skips',
      `more than ${LIMITS.runMessages} skips`,
      runWith({ skips: repeat(skip, LIMITS.runMessages + 1) }),
    ),
    refused('push-runs-map', 'runs are an array', raw.map({ ...push, runs: raw.map({ a: raw.map(run) }) })),
    refused('push-runs-missing', 'a push has runs', raw.map({ ...push, runs: undefined })),
    refused('push-run-nil', 'a run is a map', raw.map({ ...push, runs: raw.array(raw.NIL) })),
    refused('push-run-array', 'a run is a map', raw.map({ ...push, runs: raw.array(raw.array()) })),
    refused('push-messages-text', 'messages are bytes', runWith({ messages: raw.text('x') })),
    refused('push-messages-array', 'messages are bytes', runWith({ messages: raw.array(raw.bin(order(1))) })),
    refused('push-messages-missing', 'a run has messages', runWith({ messages: undefined })),
    refused(
      'hello-too-many-streams',
      `more than ${LIMITS.helloStreams} streams`,
      helloWith({ streams: repeat(raw.map(stream), LIMITS.helloStreams + 1) }),
    ),
    refused(
      'hello-versions-one',
      'two versions, the lowest and the highest',
      helloWith({ versions: raw.array(raw.small(1)) }),
    ),
    refused(
      'hello-versions-three',
      'two versions, no more',
      helloWith({ versions: raw.array(raw.small(1), raw.small(1), raw.small(1)) }),
    ),
    refused(
      'hello-versions-falling',
      'the lowest is not above the highest',
      helloWith({ versions: raw.array(raw.small(2), raw.small(1)) }),
    ),
    refused(
      'hello-versions-zero',
      'versions start at 1',
      helloWith({ versions: raw.array(raw.small(0), raw.small(1)) }),
    ),
    refused('close-epochs-none', 'at least one epoch', raw.map({ ...closeEpochs, epochs: raw.array() })),
    refused(
      'close-epochs-too-many',
      `more than ${LIMITS.closeEpochs} epochs`,
      raw.map({ ...closeEpochs, epochs: repeat(ID, LIMITS.closeEpochs + 1) }),
    ),
    refused(
      'close-epochs-without-session',
      'it names its session',
      raw.map({ ...closeEpochs, session: undefined }),
    ),
  ];
}

function texts(): InvalidCase[] {
  const client = (value: string): Uint8Array => helloWith({ client: raw.text(value) });
  const token = (value: string): Uint8Array => raw.map({ type: raw.text('token'), token: raw.text(value) });
  const utf8 = (name: string, about: string, digits: string): InvalidCase =>
    refused(`text-${name}`, about, helloWith({ client: raw.textOfBytes(raw.hex(digits)) }));
  return [
    refused('hello-client-long', 'longer than its limit', client('c'.repeat(LIMITS.clientCharacters + 1))),
    refused('hello-client-nul', 'control characters', client('a\0b')),
    refused('hello-client-line-end', 'control characters', client('a\r\nb')),
    refused('hello-client-ansi', 'control characters', client('\u{1b}[2J')),
    refused('hello-client-c1', 'control characters of the upper half', client('a\u{9b}b')),
    refused('hello-client-number', 'a name is a text', helloWith({ client: raw.small(1) })),
    refused('token-empty', 'a token is not empty', token('')),
    refused('token-long', 'longer than its limit', token('t'.repeat(LIMITS.tokenBytes + 1))),
    refused('token-missing', 'a token frame has a token', raw.map({ type: raw.text('token') })),
    refused('skip-code-upper-case', 'not a code', skipWith({ code: raw.text('Cancelled') })),
    refused('skip-code-empty', 'not a code', skipWith({ code: raw.text('') })),
    refused('skip-code-long', 'not a code', skipWith({ code: raw.text('c'.repeat(65)) })),
    utf8('lone-surrogate', 'half a surrogate pair is no UTF-8', 'eda080'),
    utf8('surrogate-pair', 'neither are both halves one by one', 'eda0bdedb8a9'),
    utf8('overlong', 'a slash in two bytes', 'c0af'),
    utf8('overlong-three', 'a slash in three bytes', 'e080af'),
    utf8('beyond-unicode', 'above U+10FFFF', 'f4908080'),
    utf8('cut-off', 'a sequence that ends too early', 'e282'),
    utf8('stray', 'a continuation byte alone', '80'),
    utf8('never', 'a byte that no UTF-8 has', 'ff'),
    refused(
      'error-detail-long',
      'longer than its limit',
      raw.map({
        type: raw.text('error'),
        code: raw.text('busy'),
        detail: raw.text('d'.repeat(LIMITS.detailCharacters + 1)),
      }),
      'down',
    ),
    refused(
      'fenced-unknown-reason',
      'not a reason',
      raw.map({ type: raw.text('fenced'), reason: raw.text('because') }),
      'down',
    ),
  ];
}

function shapes(): InvalidCase[] {
  const shape = (name: string, about: string, bytes: Uint8Array): InvalidCase =>
    refused(`frame-${name}`, about, bytes);
  return [
    shape('nothing', 'no bytes', new Uint8Array(0)),
    shape('nil', 'a frame is a map', raw.NIL),
    shape('number', 'a frame is a map', raw.small(1)),
    shape('text', 'a frame is a map', raw.text('hello')),
    shape('array', 'a frame is a map', raw.array(raw.map(hello))),
    shape('no-type', 'a frame has a type', raw.map({ ...hello, type: undefined })),
    shape('unknown-type', 'not a type of this version', raw.map({ ...hello, type: raw.text('hullo') })),
    shape('type-of-objects', 'not a type', raw.map({ ...hello, type: raw.text('constructor') })),
    shape('type-number', 'a type is a text', raw.map({ ...hello, type: raw.small(1) })),
    shape('other-way', 'an ack does not travel up', raw.map({ type: raw.text('ack'), streams: raw.array() })),
    refused('frame-other-way-down', 'a push does not travel down', raw.map(push), 'down'),
    shape('trailing-byte', 'one byte after the frame', raw.join(raw.map(hello), raw.NIL)),
    shape('two', 'two frames where one belongs', raw.join(raw.map(hello), raw.map(hello))),
    shape('cut-off', 'the last byte is missing', raw.map(hello).subarray(0, -1)),
    shape(
      'key-twice',
      'a key stands twice',
      raw.mapOf([...pairs(hello), [raw.text('type'), raw.text('push')]]),
    ),
    shape(
      'key-proto',
      'the key __proto__',
      raw.map({ ...hello, ['__proto__']: raw.map({ type: raw.text('push') }) }),
    ),
    shape('key-number', 'keys are texts', raw.mapOf([...pairs(hello), [raw.small(1), raw.NIL]])),
    shape('key-map', 'keys are texts', raw.mapOf([...pairs(hello), [raw.map({}), raw.NIL]])),
    shape('timestamp', 'extension types are not used', raw.map({ ...hello, later: raw.hex('d6ff00000000') })),
    shape(
      'extension',
      'extension types are not used',
      raw.map({ ...hello, later: raw.hex('c705010102030405') }),
    ),
    shape(
      'unused-format',
      'the format that MessagePack never uses',
      raw.map({ ...hello, later: raw.hex('c1') }),
    ),
    shape('claims-4-gib-bytes', 'bytes that are not there', raw.hex('81a474797065c6ffffffff')),
    shape('claims-4-gib-text', 'a text that is not there', raw.hex('81a474797065dbffffffff')),
    shape('claims-4-gi-items', 'items that are not there', raw.hex('ddffffffff')),
    shape('claims-4-gi-entries', 'entries that are not there', raw.hex('dfffffffff')),
    shape(
      'claims-32-mi-items-nested',
      'arrays in arrays, each of 33,554,431 items, of five bytes',
      repeated('dd01ffffff', 1000),
    ),
    shape('deep-arrays', '10,000 levels', repeated('91', 10_000)),
    shape('deep-maps', '10,000 levels', repeated('81a161', 10_000)),
    shape(
      'too-many-values',
      'an array of a million nils under an unknown key',
      raw.mapOf([
        ...pairs(hello),
        [raw.text('later'), raw.join(raw.hex('dd000f4240'), repeated('c0', 1_000_000))],
      ]),
    ),
    shape('too-large', 'one byte more than a frame has', new Uint8Array(LIMITS.frameBytes + 1)),
    shape('json', 'the same in JSON', new TextEncoder().encode('{"type":"hello"}')),
    shape(
      'html',
      'the page of a captive portal',
      new TextEncoder().encode('<!doctype html><title>Log in</title>'),
    ),
    ...framesBodies(),
  ];
}

/** Bodies of an HTTP sync that are not length-prefixed frames. */
function framesBodies(): InvalidCase[] {
  const body = (name: string, about: string, bytes: Uint8Array): InvalidCase =>
    refused(`frames-${name}`, about, bytes, 'frames');
  return [
    body('length-cut-off', 'three bytes of a length', raw.hex('000000')),
    body('claims-4-gib', 'an entry that is not there', raw.hex('ffffffff0000000000ff')),
    body('one-short', 'an entry one byte short', raw.hex('0000000200')),
    body(
      'prefix-then-garbage',
      'a whole entry, then what is none',
      raw.join(raw.entries(raw.map(hello)), raw.hex('0102')),
    ),
    body(
      'too-many',
      `more than ${LIMITS.syncFrames} entries`,
      raw.entries(...Array.from({ length: LIMITS.syncFrames + 1 }, () => raw.hex('80'))),
    ),
    body('a-million-empty', 'a million entries of no bytes', repeated('00000000', 1_000_000)),
  ];
}

function pairs(fields: Fields): Uint8Array[][] {
  return Object.entries(fields).flatMap(([key, value]) =>
    value === undefined ? [] : [[raw.text(key), value]],
  );
}

function repeated(digits: string, times: number): Uint8Array {
  return new Uint8Array(Buffer.alloc((digits.length / 2) * times, digits, 'hex'));
}

function refused(name: string, about: string, bytes: Uint8Array, kind: Kind = 'up'): InvalidCase {
  return { name, about, kind, bytes, code: 'malformed-frame' };
}
