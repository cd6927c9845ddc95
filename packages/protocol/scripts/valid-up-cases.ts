import {
  encodeMessage,
  type EpochId,
  FRAME_CODES,
  hexFromBytes,
  type Hello,
  LIMITS,
  packEntries,
  type Push,
} from '@fieldpost/protocol';
import type { ValidCase } from './corpus-case.ts';
import * as raw from './raw-messagepack.ts';
import {
  DEVICE,
  EPOCH,
  GENERATION,
  LATER_SESSION,
  messageId,
  order,
  OTHER_EPOCH,
  runOfOrders,
  SESSION,
  ZERO_SESSION,
} from './sample-values.ts';

const LONGEST_QUEUE = 'q'.repeat(LIMITS.queueNameCharacters);

const hello: Hello = {
  type: 'hello',
  versions: [1, 1],
  device: DEVICE,
  streams: [],
  waiting: { messages: 0, bytes: 0, oldestAgeMs: 0 },
};

const [ordinaryRun] = [runOfOrders(1, 2)];
const push: Push = { type: 'push', session: SESSION, runs: [ordinaryRun] };

function pushOf(...runs: readonly Partial<Push['runs'][number]>[]): Push {
  return { ...push, runs: runs.map((run) => ({ ...ordinaryRun, ...run })) };
}

export const validUpCases: readonly ValidCase[] = [
  { name: 'hello-first-contact', kind: 'up', about: 'a device that was never here', value: hello },
  {
    name: 'hello-every-field',
    kind: 'up',
    about: 'every optional field, two streams',
    value: {
      ...hello,
      lastSession: SESSION,
      takesOver: LATER_SESSION,
      generation: GENERATION,
      client: 'fieldpost-sdk/0.1.0',
      streams: [
        { epoch: EPOCH, queue: 'orders', priority: 3, acknowledged: 41 },
        { epoch: OTHER_EPOCH, queue: 'visits.done', priority: 7, acknowledged: 0 },
      ],
      fates: { heard: { number: 5, id: messageId(5) } },
      waiting: { messages: 12, bytes: 3600, oldestAgeMs: 86_400_000 },
    },
  },
  {
    name: 'hello-takes-over',
    kind: 'up',
    about: 'repeated over HTTP after a fence: the session of the last welcome, and the one in force',
    value: { ...hello, lastSession: SESSION, takesOver: LATER_SESSION },
  },
  {
    name: 'hello-largest-values',
    kind: 'up',
    about: 'every number at 2^53 - 1, the longest texts',
    value: {
      ...hello,
      versions: [1, LIMITS.numberMax],
      lastSession: { number: LIMITS.numberMax, nonce: SESSION.nonce },
      client: 'c'.repeat(LIMITS.clientCharacters),
      streams: [
        {
          epoch: EPOCH,
          queue: LONGEST_QUEUE,
          priority: LIMITS.priorityMax,
          acknowledged: LIMITS.numberMax,
        },
      ],
      waiting: {
        messages: LIMITS.numberMax,
        bytes: LIMITS.numberMax,
        oldestAgeMs: LIMITS.numberMax,
      },
    },
  },
  {
    name: 'hello-most-streams',
    kind: 'up',
    about: 'as many streams as a hello names',
    value: {
      ...hello,
      streams: Array.from({ length: LIMITS.helloStreams }, (_, index) => ({
        epoch: epochNumbered(index),
        queue: 'q',
        priority: 0,
        acknowledged: 0,
      })),
    },
  },
  {
    name: 'hello-unicode-client',
    kind: 'up',
    about: 'a name outside ASCII, with a character of four bytes',
    value: { ...hello, client: 'Außendienst 7 \u{1f69a} \u{65e5}\u{672c}' },
  },
  { name: 'push-two-orders', kind: 'up', about: 'one run of two messages', value: push },
  {
    name: 'push-with-device',
    kind: 'up',
    about: 'over HTTP without a hello the push names its device',
    value: { ...push, device: DEVICE },
  },
  {
    name: 'push-after',
    kind: 'up',
    about: 'the predecessor in save order is in another epoch',
    value: pushOf({ after: { epoch: OTHER_EPOCH, number: 9 } }),
  },
  {
    name: 'push-skips',
    kind: 'up',
    about: 'the middle one of three was cancelled: an entry of no bytes, and a skip that tells why',
    value: pushOf({
      messages: packEntries([order(1), new Uint8Array(0), order(3)]),
      skips: [{ index: 1, id: messageId(2), code: 'cancelled' }],
    }),
  },
  {
    name: 'push-only-skips',
    kind: 'up',
    about: 'a run in which every message was taken back; the second code is of a later version',
    value: pushOf({
      messages: packEntries([new Uint8Array(0), new Uint8Array(0)]),
      skips: [
        { index: 0, id: messageId(1), code: 'cancelled' },
        { index: 1, id: messageId(2), code: 'some-later-code' },
      ],
    }),
  },
  {
    name: 'push-rewound',
    kind: 'up',
    about: 'the same messages after two rewinds',
    value: pushOf({ attempt: 2, ageMs: 90_000 }),
  },
  {
    name: 'push-again',
    kind: 'up',
    about: 'acknowledged before the store went back in time, and sent again',
    value: pushOf({ again: true, ageMs: 86_400_000 }),
  },
  {
    name: 'push-atomic',
    kind: 'up',
    about: 'two runs of two streams that are one transaction',
    value: pushOf({ atomic: 1 }, { queue: 'visits', atomic: 1 }),
  },
  {
    name: 'push-lost',
    kind: 'up',
    about: 'numbers 1 to 4 were acknowledged under this generation and are here no more; 5 and 6 are',
    value: pushOf({ ...runOfOrders(5, 2), acknowledged: 0, lost: { first: 1, generation: GENERATION } }),
  },
  {
    name: 'push-lost-only',
    kind: 'up',
    about: 'a run without messages that says what is lost; under which generation is not known',
    value: pushOf({ first: 9, acknowledged: 4, lost: { first: 5 }, messages: new Uint8Array(0) }),
  },
  {
    name: 'push-every-skip-code',
    kind: 'up',
    about: 'one skip for each code that a device of this version says',
    value: pushOf({
      messages: packEntries(FRAME_CODES.skips.map(() => new Uint8Array(0))),
      skips: FRAME_CODES.skips.map((code, index) => ({ index, id: messageId(index + 1), code })),
    }),
  },
  {
    name: 'push-two-streams',
    kind: 'up',
    about: 'two runs of two streams, the higher priority first',
    value: pushOf({ priority: 7, queue: 'alarms' }, { epoch: OTHER_EPOCH, first: 2, acknowledged: 1 }),
  },
  {
    name: 'push-last-number',
    kind: 'up',
    about: 'the last number that a run can have',
    value: pushOf({
      first: LIMITS.numberMax - 1,
      acknowledged: LIMITS.numberMax - 2,
      attempt: LIMITS.numberMax,
      ageMs: LIMITS.numberMax,
      messages: packEntries([order(1)]),
    }),
  },
  {
    name: 'push-most-runs',
    kind: 'up',
    about: 'as many runs as a push holds',
    value: pushOf(
      ...Array.from({ length: LIMITS.pushRuns }, (_, index) => ({
        epoch: epochNumbered(index),
        messages: packEntries([order(1)]),
      })),
    ),
  },
  {
    name: 'push-largest-message',
    kind: 'up',
    about: 'a body of the largest size',
    value: pushOf({
      messages: packEntries([
        encodeMessage({ id: messageId(1), properties: {}, body: new Uint8Array(LIMITS.bodyBytesMax) }),
      ]),
    }),
  },
  {
    name: 'close-epochs-one',
    kind: 'up',
    about: 'one epoch',
    value: { type: 'close-epochs', session: SESSION, epochs: [EPOCH] },
  },
  {
    name: 'close-epochs-most',
    kind: 'up',
    about: 'as many epochs as the frame names, and the device as over HTTP',
    value: {
      type: 'close-epochs',
      session: ZERO_SESSION,
      device: DEVICE,
      epochs: Array.from({ length: LIMITS.closeEpochs }, (_, index) => epochNumbered(index)),
    },
  },
  {
    name: 'hello-wants-fates',
    kind: 'up',
    about: 'a device that has heard of no fate yet',
    value: { ...hello, fates: {} },
  },
  {
    name: 'confirm-fates',
    kind: 'up',
    about: 'five fates are on the disk',
    value: { type: 'confirm', session: SESSION, fates: { number: 5, id: messageId(5) } },
  },
  {
    name: 'confirm-device',
    kind: 'up',
    about: 'with the device as over HTTP, up to the largest number',
    value: {
      type: 'confirm',
      session: ZERO_SESSION,
      device: DEVICE,
      fates: { number: LIMITS.numberMax, id: messageId(1) },
    },
  },
  {
    name: 'token-short',
    kind: 'up',
    about: 'the shortest token: what it holds is not the codec’s matter',
    value: { type: 'token', token: 'x' },
  },
  {
    name: 'token-longest',
    kind: 'up',
    about: 'a token of the largest size',
    value: { type: 'token', token: 't'.repeat(LIMITS.tokenBytes) },
  },
  ...otherFormsOfTheSame(),
];

/** A reader takes every MessagePack form of a value, and passes over what a later version may add. */
function otherFormsOfTheSame(): ValidCase[] {
  const device = raw.bin(raw.hex('d0000000000040008000000000000001'));
  const waiting = raw.map({
    messages: raw.uint64(0n),
    bytes: raw.int64(0n),
    oldestAgeMs: raw.float64(0),
  });
  const long = { versions: raw.array(raw.uint64(1n), raw.float64(1)), device, streams: raw.array(), waiting };
  return [
    {
      name: 'hello-long-forms',
      kind: 'up',
      about: 'lengths and integers in longer forms than needed; a float that is a whole number',
      value: hello,
      bytes: raw.map({ type: raw.text('hello'), ...long }),
    },
    {
      name: 'hello-other-key-order',
      kind: 'up',
      about: 'the type last',
      value: hello,
      bytes: raw.map({ ...long, type: raw.text('hello') }),
    },
    {
      name: 'hello-unknown-keys',
      kind: 'up',
      about: 'keys of a later version are passed over, whatever they hold',
      value: hello,
      bytes: raw.map({
        type: raw.text('hello'),
        ...long,
        constructor: raw.text('x'),
        toString: raw.NIL,
        later: raw.map({
          deep: raw.array(raw.array(raw.TRUE), raw.float64(Number.NaN), raw.uint64(2n ** 64n - 1n)),
        }),
      }),
    },
    {
      name: 'push-looks-not-inside',
      kind: 'up',
      about: 'the codec does not look into `messages`: that is for who unpacks the entries',
      value: pushOf({ messages: Uint8Array.of(1, 2, 3) }),
    },
  ];
}

function epochNumbered(index: number): EpochId {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint32(12, index);
  return hexFromBytes(bytes) as EpochId;
}
