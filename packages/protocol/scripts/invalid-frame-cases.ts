import { LIMITS } from '@fieldpost/protocol';
import type { InvalidCase, Kind } from './corpus-case.ts';
import {
  type Fields,
  ID,
  push,
  helloWith,
  runWith,
  stateWith,
  skipWith,
  toldWith,
  confirmWith,
  NOT_A_COUNT,
  NOT_A_QUEUE_NAME,
  refused,
  waiting,
  fate,
  stream,
} from './frames-by-hand.ts';
import { fateLists, lists, lost, shapes } from './invalid-frame-shapes.ts';
import * as raw from './raw-messagepack.ts';

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
  ...numbers('fates-number', toldWith, 'number', { zero: raw.small(0) }, 'down'),
  ...numbers('fates-age', toldWith, 'ageMs', {}, 'down'),
  ...numbers('confirm-number', confirmWith, 'number', { zero: raw.small(0) }),
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
  ...numbers('push-lost', (fields) => runWith({ lost: raw.map({ generation: ID, ...fields }) }), 'first', {
    zero: raw.small(0),
  }),
  ...numbers(
    'ack-lost-first',
    (fields) => stateWith({ lost: raw.array(raw.map({ last: raw.small(1), ...fields })) }),
    'first',
    { zero: raw.small(0) },
    'down',
  ),
  ...numbers(
    'ack-lost-last',
    (fields) => stateWith({ lost: raw.array(raw.map({ first: raw.small(1), ...fields })) }),
    'last',
    { zero: raw.small(0) },
    'down',
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
  ...fateLists(),
  ...lost(),
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
      'push-lost-generation-short',
      'a generation of 15 bytes',
      runWith({ lost: raw.map({ first: raw.small(1), generation: raw.bin(new Uint8Array(15)) }) }),
    ),
    refused(
      'hello-takes-over-number-only',
      'a session is a number and a nonce',
      helloWith({ takesOver: raw.map({ number: raw.small(1) }) }),
    ),
    refused(
      'hello-takes-over-nil',
      'an absent field is left out, not nil',
      helloWith({ takesOver: raw.NIL }),
    ),
    refused(
      'ack-without-id',
      '`acceptedId` goes with an `accepted` above 0',
      stateWith({ acceptedId: undefined }),
      'down',
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
