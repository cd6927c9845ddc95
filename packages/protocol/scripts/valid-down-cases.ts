import { type Ack, FRAME_CODES, LIMITS, type StreamState, type Welcome } from '@fieldpost/protocol';
import type { ValidCase } from './corpus-case.ts';
import { EPOCH, GENERATION, messageId, OTHER_EPOCH, SESSION, ZERO_ID } from './sample-values.ts';

const untouched: StreamState = {
  epoch: EPOCH,
  queue: 'orders',
  priority: 3,
  attempt: 0,
  accepted: 0,
  since: 0,
};
const accepted: StreamState = { ...untouched, accepted: 2, acceptedId: messageId(2) };

const welcome: Welcome = {
  type: 'welcome',
  version: 1,
  session: SESSION,
  generation: GENERATION,
  limits: {
    frameBytes: LIMITS.frameBytes,
    bodyBytes: LIMITS.bodyBytesMax,
    runMessages: LIMITS.runMessages,
    windowMessages: LIMITS.windowMessages,
    windowBytes: LIMITS.windowBytes,
  },
  streams: [],
  serverTimeMs: Date.UTC(2026, 10, 23, 8),
};

function ackOf(...streams: StreamState[]): Ack {
  return { type: 'ack', streams };
}

export const validDownCases: readonly ValidCase[] = [
  { name: 'welcome-first-contact', kind: 'down', about: 'nothing known yet', value: welcome },
  {
    name: 'welcome-streams',
    kind: 'down',
    about: 'a stream half way, and one never heard of',
    value: { ...welcome, streams: [accepted, { ...untouched, epoch: OTHER_EPOCH }] },
  },
  {
    name: 'welcome-every-field',
    kind: 'down',
    about: 'a stream of which there is more to tell, with a lost range, and one that waits',
    value: {
      ...welcome,
      streams: [
        {
          ...accepted,
          accepted: 9,
          acceptedId: messageId(9),
          since: 5,
          refusals: [{ number: 6, id: messageId(6), code: 'queue-not-found' }],
          skips: [{ number: 7, id: messageId(7), code: 'cancelled' }],
          taken: 12,
          lost: [{ first: 8, last: 8 }],
        },
        { ...untouched, epoch: OTHER_EPOCH, stall: { code: 'epoch-retired', retryAfterMs: 3_600_000 } },
      ],
    },
  },
  {
    name: 'welcome-smallest-limits',
    kind: 'down',
    about: 'a gateway that takes very little, with a clock at zero',
    value: {
      ...welcome,
      limits: { frameBytes: 1, bodyBytes: 1, runMessages: 1, windowMessages: 1, windowBytes: 1 },
      serverTimeMs: 0,
    },
  },
  {
    name: 'fates-every-code',
    kind: 'down',
    about:
      'one fate for each code of this version, the numbers with a hole, one with the reason of its consumer',
    value: {
      type: 'fates',
      fates: FRAME_CODES.fates.map((code, index) => ({
        number: index === 0 ? 1 : index + 2,
        id: messageId(index + 1),
        code,
        ...(code === 'rejected-by-receiver' ? { reason: 'no such customer' } : {}),
        ageMs: index * 60_000,
      })),
    },
  },
  {
    name: 'fates-restart',
    kind: 'down',
    about: 'the cursor of the device is of another history; a code of a later version, long ago',
    value: {
      type: 'fates',
      restart: true,
      fates: [{ number: 3, id: messageId(3), code: 'some-later-code', ageMs: 30 * 86_400_000 }],
    },
  },
  {
    name: 'fates-most',
    kind: 'down',
    about: 'as many as a frame tells, up to the largest number',
    value: {
      type: 'fates',
      fates: Array.from({ length: LIMITS.fatesHeard }, (_, index) => ({
        number: LIMITS.numberMax - LIMITS.fatesHeard + 1 + index,
        id: messageId(index),
        code: 'received',
        ageMs: 0,
      })),
    },
  },
  { name: 'ack-accepted', kind: 'down', about: 'two messages are in the queue', value: ackOf(accepted) },
  { name: 'ack-nothing', kind: 'down', about: 'no stream of the push got further', value: ackOf() },
  {
    name: 'ack-nothing-accepted',
    kind: 'down',
    about: 'a gap at the very start: 0, and so no id',
    value: ackOf(untouched),
  },
  {
    name: 'ack-refusals',
    kind: 'down',
    about: 'one of three was refused for good and took its number',
    value: ackOf({
      ...accepted,
      accepted: 3,
      acceptedId: messageId(3),
      refusals: [{ number: 2, id: messageId(2), code: 'queue-not-found' }],
    }),
  },
  {
    name: 'ack-taken',
    kind: 'down',
    about: 'a hundred are settled; what became of those above 3 is told when 3 is acknowledged',
    value: ackOf({
      ...accepted,
      accepted: 3,
      acceptedId: messageId(3),
      refusals: [{ number: 3, id: messageId(3), code: 'bad-message' }],
      taken: 100,
    }),
  },
  {
    name: 'ack-lost',
    kind: 'down',
    about: 'of ten settled numbers nobody had 2 to 4 and 9 any more when the store had gone back',
    value: ackOf({
      ...accepted,
      accepted: 10,
      acceptedId: messageId(10),
      lost: [
        { first: 2, last: 4 },
        { first: 9, last: 9 },
      ],
    }),
  },
  {
    name: 'ack-lost-last',
    kind: 'down',
    about: 'the number up to which all is settled is lost itself: nobody knows its id',
    value: ackOf({
      ...accepted,
      acceptedId: ZERO_ID,
      lost: [{ first: 2, last: 2 }],
    }),
  },
  {
    name: 'ack-most-lost',
    kind: 'down',
    about: 'as many lost ranges as a state tells',
    value: ackOf({
      ...accepted,
      accepted: LIMITS.numberMax,
      lost: Array.from({ length: LIMITS.lostTold }, (_, index) => ({
        first: 2 * index + 1,
        last: index === LIMITS.lostTold - 1 ? LIMITS.numberMax : 2 * index + 1,
      })),
    }),
  },
  {
    name: 'ack-every-refusal-code',
    kind: 'down',
    about: 'one refusal for each code that a gateway of this version says',
    value: ackOf({
      ...accepted,
      accepted: FRAME_CODES.refusals.length,
      acceptedId: messageId(FRAME_CODES.refusals.length),
      refusals: FRAME_CODES.refusals.map((code, index) => ({
        number: index + 1,
        id: messageId(index + 1),
        code,
      })),
    }),
  },
  {
    name: 'ack-every-skip-code',
    kind: 'down',
    about: 'each code of a skip, as the gateway tells it back',
    value: ackOf({
      ...accepted,
      accepted: FRAME_CODES.skips.length,
      acceptedId: messageId(FRAME_CODES.skips.length),
      skips: FRAME_CODES.skips.map((code, index) => ({ number: index + 1, id: messageId(index + 1), code })),
    }),
  },
  {
    name: 'ack-every-stall-code',
    kind: 'down',
    about: 'one stream for each reason to wait; of two of them nothing else is told',
    value: ackOf(
      ...FRAME_CODES.stall.map((code, index): StreamState => {
        const isSilent = code === 'access-denied' || code === 'epoch-retired';
        return { ...(isSilent ? untouched : accepted), priority: index, stall: { code, retryAfterMs: 5000 } };
      }),
    ),
  },
  {
    name: 'ack-every-field',
    kind: 'down',
    about: 'refusals, skips, a lost range and a stall at once; a code of a later version',
    value: ackOf({
      ...accepted,
      attempt: 4,
      accepted: 9,
      acceptedId: messageId(9),
      since: 5,
      refusals: [{ number: 6, id: messageId(6), code: 'some-later-code' }],
      skips: [{ number: 7, id: messageId(7), code: 'cancelled' }],
      taken: 12,
      lost: [{ first: 8, last: 8 }],
      stall: { code: 'quota-exceeded', retryAfterMs: 30_000 },
    }),
  },
  {
    name: 'ack-empty-lists',
    kind: 'down',
    about: 'empty lists say the same as none',
    value: ackOf({ ...accepted, refusals: [], skips: [] }),
  },
  {
    name: 'ack-largest-values',
    kind: 'down',
    about: 'numbers at 2^53 - 1',
    value: ackOf({
      ...accepted,
      queue: 'q'.repeat(LIMITS.queueNameCharacters),
      priority: LIMITS.priorityMax,
      attempt: LIMITS.numberMax,
      accepted: LIMITS.numberMax,
      since: LIMITS.numberMax,
      stall: { code: 'busy', retryAfterMs: LIMITS.numberMax },
    }),
  },
  {
    name: 'ack-whole-run-refused',
    kind: 'down',
    about: 'every message of a run was refused',
    value: ackOf({
      ...accepted,
      accepted: 256,
      refusals: Array.from({ length: 256 }, (_, index) => ({
        number: index + 1,
        id: messageId(1),
        code: 'bad-message',
      })),
    }),
  },
  {
    name: 'fenced-newer-connection',
    kind: 'down',
    about: 'with the session in force',
    value: { type: 'fenced', reason: 'newer-connection', session: SESSION },
  },
  { name: 'fenced-revoked', kind: 'down', about: 'for good', value: { type: 'fenced', reason: 'revoked' } },
  {
    name: 'fenced-upgrade-required',
    kind: 'down',
    about: 'no version in common',
    value: { type: 'fenced', reason: 'upgrade-required' },
  },
  {
    name: 'fenced-went-back',
    kind: 'down',
    about: 'the store is older than what the device was told: say hello',
    value: { type: 'fenced', reason: 'went-back', session: SESSION },
  },
  {
    name: 'fenced-cloned',
    kind: 'down',
    about: 'another copy of the data goes by this device id: take another',
    value: { type: 'fenced', reason: 'cloned' },
  },
  ...FRAME_CODES.error.map((code): ValidCase => ({
    name: `error-code-${code}`,
    kind: 'down',
    about: 'a code that a gateway of this version says',
    value: { type: 'error', code, detail: 'what was wrong, for people' },
  })),
  {
    name: 'error-plain',
    kind: 'down',
    about: 'a code and no more to say',
    value: { type: 'error', code: 'malformed-frame', detail: '' },
  },
  {
    name: 'error-every-field',
    kind: 'down',
    about: 'the longest detail, characters outside ASCII, line ends',
    value: {
      type: 'error',
      code: 'busy',
      detail: `\u{1f422}\r\n${'d'.repeat(LIMITS.detailCharacters - 4)}`,
      retryAfterMs: 1000,
    },
  },
  {
    name: 'error-longest-code',
    kind: 'down',
    about: 'a code of a later version, as long as codes get',
    value: { type: 'error', code: 'c'.repeat(64), detail: 'x', retryAfterMs: 0 },
  },
];
