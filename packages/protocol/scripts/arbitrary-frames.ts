import {
  ACK_LEVELS,
  type DeviceId,
  type DownFrame,
  type EpochId,
  FENCED_REASONS,
  type GenerationId,
  hexFromBytes,
  LIMITS,
  type Message,
  type MessageId,
  type Session,
  type SessionNonce,
  type StreamState,
  type UpFrame,
  uuidFromBytes,
} from '@fieldpost/protocol';
import * as fc from 'fast-check';

// Any frame and any message that the types and limits allow, for properties.

/** Objects as the decoder makes them. */
const WHOLE = { noNullPrototype: true } as const;

const bytes16 = fc.uint8Array({ minLength: 16, maxLength: 16 });
const epoch = bytes16.map((bytes) => hexFromBytes(bytes) as EpochId);
const device = bytes16.map((bytes) => uuidFromBytes(bytes) as DeviceId);
const generation = bytes16.map((bytes) => uuidFromBytes(bytes) as GenerationId);
const id = bytes16.map((bytes) => uuidFromBytes(bytes) as MessageId);
const nonce = fc
  .uint8Array({ minLength: 8, maxLength: 8 })
  .map((bytes) => hexFromBytes(bytes) as SessionNonce);

/** Small, at the edges of MessagePack's formats, and anywhere. */
const count = fc.oneof(
  fc.nat(300),
  fc.constantFrom(127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, LIMITS.numberMax),
  fc.nat(Number.MAX_SAFE_INTEGER),
);
const number = count.filter((value) => value > 0);
const session: fc.Arbitrary<Session> = fc.record({ number, nonce }, WHOLE);
const code = fc.stringMatching(/^[a-z][a-z-]{0,63}$/);
const queue = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,127}$/);
const priority = fc.nat(LIMITS.priorityMax);

/** Any text of whole characters without controls. */
function plain(units: number, minLength = 0): fc.Arbitrary<string> {
  return fc
    .string({ unit: 'binary', minLength, maxLength: units })
    .map((text) => text.replaceAll(/\p{Cc}/gu, 'x').slice(0, units))
    .map((text) => (/\p{Surrogate}/u.test(text) ? text.slice(0, -1) : text))
    .filter((text) => text.length >= minLength);
}

const fateCursor = fc.record({ number, id }, WHOLE);

const hello = fc.record(
  {
    type: fc.constant('hello' as const),
    versions: fc
      .tuple(number, number)
      .map(([one, two]): [number, number] => [Math.min(one, two), Math.max(one, two)]),
    device,
    lastSession: session,
    takesOver: session,
    generation,
    client: plain(LIMITS.clientCharacters),
    streams: fc.array(fc.record({ epoch, queue, priority, acknowledged: count }, WHOLE), { maxLength: 5 }),
    fates: fc.record({ heard: fateCursor }, { requiredKeys: [], noNullPrototype: true }),
    waiting: fc.record({ messages: count, bytes: count, oldestAgeMs: count }, WHOLE),
  },
  { requiredKeys: ['type', 'versions', 'device', 'streams', 'waiting'], noNullPrototype: true },
);

const run = fc.record(
  {
    epoch,
    queue,
    priority,
    first: number,
    acknowledged: count,
    attempt: count,
    ageMs: count,
    after: fc.record({ epoch, number }, WHOLE),
    lost: fc.record({ first: number, generation }, { requiredKeys: ['first'], noNullPrototype: true }),
    again: fc.constant(true as const),
    atomic: number,
    messages: fc.uint8Array({ maxLength: 300 }),
    skips: fc.array(fc.record({ index: count, id, code }, WHOLE), { maxLength: 4 }),
  },
  {
    requiredKeys: ['epoch', 'queue', 'priority', 'first', 'acknowledged', 'attempt', 'ageMs', 'messages'],
    noNullPrototype: true,
  },
);

const push = fc.record(
  {
    type: fc.constant('push' as const),
    session,
    device,
    runs: fc.array(run, { minLength: 1, maxLength: 4 }),
  },
  { requiredKeys: ['type', 'session', 'runs'], noNullPrototype: true },
);

const closeEpochs = fc.record(
  {
    type: fc.constant('close-epochs' as const),
    session,
    device,
    epochs: fc.array(epoch, { minLength: 1, maxLength: 5 }),
  },
  { requiredKeys: ['type', 'session', 'epochs'], noNullPrototype: true },
);

const confirm = fc.record(
  { type: fc.constant('confirm' as const), session, device, fates: fateCursor },
  { requiredKeys: ['type', 'session', 'fates'], noNullPrototype: true },
);

const token = fc.record(
  {
    type: fc.constant('token' as const),
    token: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 }),
  },
  WHOLE,
);

export const upFrames: fc.Arbitrary<UpFrame> = fc.oneof(hello, push, closeEpochs, confirm, token);

const fate = fc.record({ number, id, code }, WHOLE);
const lostRange = fc
  .tuple(number, number)
  .map(([one, two]) => ({ first: Math.min(one, two), last: Math.max(one, two) }));
const state: fc.Arbitrary<StreamState> = fc
  .record(
    {
      epoch,
      queue,
      priority,
      attempt: count,
      accepted: number,
      acceptedId: id,
      since: count,
      refusals: fc.array(fate, { maxLength: 3 }),
      skips: fc.array(fate, { maxLength: 3 }),
      taken: number,
      lost: fc.array(lostRange, { maxLength: 3 }),
      stall: fc.record({ code, retryAfterMs: count }, WHOLE),
    },
    { requiredKeys: ['epoch', 'queue', 'priority', 'attempt', 'accepted', 'since'], noNullPrototype: true },
  )
  .map(({ acceptedId, accepted, taken, ...rest }) => {
    const told = acceptedId === undefined ? { accepted: 0 } : { accepted, acceptedId };
    return { ...rest, ...told, ...(taken !== undefined && taken > told.accepted ? { taken } : {}) };
  });

const welcome = fc.record(
  {
    type: fc.constant('welcome' as const),
    version: number,
    session,
    generation,
    limits: fc.record(
      {
        frameBytes: number,
        bodyBytes: number,
        runMessages: number,
        windowMessages: number,
        windowBytes: number,
      },
      WHOLE,
    ),
    streams: fc.array(state, { maxLength: 4 }),
    serverTimeMs: count,
  },
  WHOLE,
);

const ack = fc.record(
  { type: fc.constant('ack' as const), streams: fc.array(state, { maxLength: 4 }) },
  WHOLE,
);
const heard = fc.record(
  { number, id, code, reason: fc.string({ unit: 'grapheme', maxLength: 100 }), ageMs: count },
  { requiredKeys: ['number', 'id', 'code', 'ageMs'], noNullPrototype: true },
);
const fates = fc.record(
  {
    type: fc.constant('fates' as const),
    restart: fc.constant(true as const),
    fates: fc
      .uniqueArray(heard, { minLength: 1, maxLength: 4, selector: (one) => one.number })
      .map((told) => told.toSorted((left, right) => left.number - right.number)),
  },
  { requiredKeys: ['type', 'fates'], noNullPrototype: true },
);
const fenced = fc.record(
  {
    type: fc.constant('fenced' as const),
    reason: fc.constantFrom(...FENCED_REASONS),
    session,
  },
  { requiredKeys: ['type', 'reason'], noNullPrototype: true },
);
const error = fc.record(
  {
    type: fc.constant('error' as const),
    code,
    detail: fc.string({ unit: 'grapheme', maxLength: 200 }),
    retryAfterMs: count,
  },
  { requiredKeys: ['type', 'code', 'detail'], noNullPrototype: true },
);

export const downFrames: fc.Arbitrary<DownFrame> = fc.oneof(welcome, ack, fates, fenced, error);

const headers = fc
  .uniqueArray(fc.tuple(plain(30, 1), plain(60)), {
    selector: ([name]) => name,
    maxLength: LIMITS.headers,
  })
  .map((pairs) => Object.fromEntries(pairs.filter(([name]) => name !== '__proto__')));

export const messages: fc.Arbitrary<Message> = fc.record(
  {
    id,
    properties: fc.record(
      {
        contentType: plain(LIMITS.contentTypeCharacters, 1),
        headers,
        label: plain(LIMITS.labelCharacters),
        correlationId: plain(LIMITS.tokenCharacters, 1),
        replyTo: plain(LIMITS.tokenCharacters, 1),
        traceparent: plain(LIMITS.tokenCharacters),
        replaces: plain(LIMITS.tokenCharacters, 1),
        timeToReachQueueMs: fc.nat(LIMITS.durationMs),
        timeToLiveMs: fc.nat(LIMITS.durationMs),
        deliverAfterMs: fc.nat(LIMITS.durationMs),
        groupId: plain(LIMITS.tokenCharacters, 1),
        ack: fc.constantFrom(...ACK_LEVELS),
      },
      { requiredKeys: [], noNullPrototype: true },
    ),
    body: fc.uint8Array({ maxLength: 400 }),
  },
  WHOLE,
);
