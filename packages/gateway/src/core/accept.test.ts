import { packEntries, type Push, streamKeyText, type StreamState } from '@fieldpost/protocol';
import { describe, expect, test } from 'vitest';
import type { QueueRow } from '../ports/gateway-store.ts';
import {
  deviceId,
  epochId,
  generationId,
  messageBytes,
  messageId,
  push,
  run,
  runOf,
  session,
} from '../testing/sample-frames.ts';
import { SampleRows, sampleDevice } from '../testing/sample-rows.ts';
import { type AcceptContext, type AcceptResult, decideAccept } from './accept.ts';
import { newQueueRow } from './queue-settings.ts';
import { readPush } from './read-push.ts';

const KEY = { epoch: epochId(1), queue: 'orders', priority: 3 };

const FRESH = generationId(99);

describe('numbers', () => {
  test('an unknown epoch starts at 1, and is bound to the subject', () => {
    const rows = new SampleRows();
    const state = only(accept(rows, push([runOf(1, 3)])));
    expect(state).toEqual({ ...KEY, attempt: 0, accepted: 3, acceptedId: messageId(3), since: 0 });
    expect(rows.ids()).toEqual([messageId(1), messageId(2), messageId(3)]);
    expect(rows.epochs.get(epochId(1))).toEqual({ epoch: epochId(1), subject: 'rep' });
  });

  test('the next number is accepted', () => {
    const rows = acceptedUpTo(2);
    expect(only(accept(rows, push([runOf(3, 4)])))).toMatchObject({ accepted: 4, acceptedId: messageId(4) });
  });

  test('what was accepted before is acknowledged and not stored again', () => {
    const rows = acceptedUpTo(3);
    const result = accept(rows, push([runOf(1, 3)]));
    expect(only(result)).toMatchObject({ accepted: 3, acceptedId: messageId(3) });
    expect(result).toMatchObject({ counts: { duplicates: 3, accepted: 0 } });
    expect(rows.ids()).toHaveLength(3);
  });

  test('of a run that is known in part, the rest is accepted', () => {
    const rows = acceptedUpTo(3);
    expect(accept(rows, push([runOf(2, 5)]))).toMatchObject({ counts: { duplicates: 2, accepted: 2 } });
    expect(rows.ids()).toEqual([1, 2, 3, 4, 5].map(messageId));
  });

  test('a duplicate with another body does not replace what was accepted', () => {
    const rows = acceptedUpTo(1);
    const before = rows.messages.get('orders');
    const other = messageBytes(1, { body: new Uint8Array([1]) });
    expect(only(accept(rows, push([run([other])])))).toMatchObject({ accepted: 1 });
    expect(rows.messages.get('orders')).toEqual(before);
  });

  test('a gap is answered with the accepted number and stores nothing', () => {
    const rows = acceptedUpTo(2);
    const result = accept(rows, push([runOf(4, 6)]));
    expect(only(result)).toMatchObject({ accepted: 2, acceptedId: messageId(2) });
    expect(result).toMatchObject({ counts: { accepted: 0, passedOver: 3 } });
    expect(rows.ids()).toHaveLength(2);
  });

  test('a gap in an unknown stream answers 0 without an id and leaves no row', () => {
    const rows = new SampleRows();
    const state = only(accept(rows, push([runOf(2, 3)])));
    expect(state).toEqual({ ...KEY, attempt: 0, accepted: 0, since: 0 });
    expect(rows.streams.size + rows.epochs.size).toBe(0);
  });

  test('an empty run only asks how far the stream is', () => {
    const rows = acceptedUpTo(2);
    expect(only(accept(rows, push([run([], { first: 3 })])))).toMatchObject({ accepted: 2 });
  });

  test('several runs of one stream in one push are one state and one step of the mark', () => {
    const rows = new SampleRows();
    const { changes } = decideAccept(rows, readPush(push([runOf(1, 2), runOf(3, 4)])), context());
    expect(changes.filter(({ type }) => type === 'advance')).toEqual([
      { type: 'advance', stream: KEY, from: 0, to: 4, id: messageId(4) },
    ]);
  });

  test('runs are taken in the order of the push', () => {
    const rows = new SampleRows();
    expect(only(accept(rows, push([runOf(3, 4), runOf(1, 2)])))).toMatchObject({ accepted: 2 });
  });

  test('streams of one push do not hold each other up', () => {
    const rows = new SampleRows();
    const states = statesOf(accept(rows, push([runOf(5, 5), runOf(1, 1, { priority: 6 })])));
    expect(states.map(({ priority, accepted }) => [priority, accepted])).toEqual([
      [3, 0],
      [6, 1],
    ]);
  });

  test('times travel as durations: the message was sent as long ago as the run says, never before 1970', () => {
    const rows = new SampleRows();
    accept(rows, push([runOf(1, 1, { ageMs: 400 }), runOf(1, 1, { priority: 1, ageMs: 5000 })]));
    expect(rows.messages.get('orders')).toMatchObject([
      { sentAt: 600, arrivedAt: 1000, origin: { device: deviceId(1), epoch: epochId(1), number: 1 } },
      { sentAt: 0 },
    ]);
  });
});

describe('attempts', () => {
  test('a run of an older attempt is passed over, and the state names the newer one', () => {
    const rows = new SampleRows();
    const attempts = new Map([[streamKeyText(KEY), 2]]);
    expect(only(accept(rows, push([runOf(1, 2, { attempt: 1 })]), { attempts }))).toMatchObject({
      accepted: 0,
      attempt: 2,
    });
    expect(only(accept(rows, push([runOf(1, 2, { attempt: 2 })]), { attempts }))).toMatchObject({
      accepted: 2,
      attempt: 2,
    });
  });

  test('within one push a rewind makes what came before it old', () => {
    const rows = new SampleRows();
    const state = only(accept(rows, push([runOf(2, 2), runOf(1, 1, { attempt: 1 }), runOf(2, 2)])));
    expect(state).toMatchObject({ accepted: 1, attempt: 1 });
  });
});

describe('refusals take their number', () => {
  test('a queue that does not exist', () => {
    const rows = new SampleRows();
    const state = only(accept(rows, push([runOf(1, 2, { queue: 'nowhere' })])));
    expect(state).toMatchObject({
      accepted: 2,
      acceptedId: messageId(2),
      refusals: [
        { number: 1, id: messageId(1), code: 'queue-not-found' },
        { number: 2, id: messageId(2), code: 'queue-not-found' },
      ],
    });
  });

  test('a queue that the token may not send to, whether it exists or not', () => {
    const grants = { send: ['visits'], receive: [], manage: [] };
    for (const queue of ['orders', 'nowhere']) {
      const state = only(accept(new SampleRows(), push([runOf(1, 1, { queue })]), { grants }));
      expect(state.refusals).toEqual([{ number: 1, id: messageId(1), code: 'access-denied' }]);
    }
  });

  test('a body over the limit of the queue, while the messages round it are accepted', () => {
    const rows = new SampleRows();
    const entries = [
      messageBytes(1),
      messageBytes(2, { body: new Uint8Array(1001) }),
      messageBytes(3, { body: new Uint8Array(1000) }),
    ];
    const state = only(accept(rows, push([run(entries)])));
    expect(state).toMatchObject({
      accepted: 3,
      acceptedId: messageId(3),
      refusals: [{ number: 2, id: messageId(2), code: 'too-large' }],
    });
    expect(rows.ids()).toEqual([messageId(1), messageId(3)]);
  });

  test.each([
    [
      'an entry that is too short for an id',
      new Uint8Array([1, 144]),
      '01900000-0000-0000-0000-000000000000',
    ],
    ['an empty entry that is no skip', new Uint8Array(0), '00000000-0000-0000-0000-000000000000'],
    [
      'properties that reach past the end',
      new Uint8Array(18).fill(255),
      'ffffffff-ffff-ffff-ffff-ffffffffffff',
    ],
  ])('%s', (_, entry, id) => {
    const rows = new SampleRows();
    const state = only(accept(rows, push([run([messageBytes(1), entry, messageBytes(3)])])));
    expect(state).toMatchObject({ accepted: 3, refusals: [{ number: 2, id, code: 'bad-message' }] });
    expect(rows.ids()).toEqual([messageId(1), messageId(3)]);
  });

  test('properties that cannot be read', () => {
    const entry = messageBytes(1, { properties: { label: 'x' } }).slice();
    entry[18] = 0xc1;
    expect(only(accept(new SampleRows(), push([run([entry])]))).refusals).toMatchObject([
      { code: 'bad-message' },
    ]);
  });

  test('properties that cannot be read, behind some of the same length that can', () => {
    const bad = messageBytes(2, { properties: { label: 'x' } }).slice();
    bad[18] = 0xc1;
    const entries = [
      messageBytes(1, { properties: { label: 'x' } }),
      bad,
      messageBytes(3, { properties: { label: 'y' } }),
    ];
    const state = only(accept(new SampleRows(), push([run(entries)])));
    expect(state).toMatchObject({ accepted: 3, refusals: [{ number: 2, code: 'bad-message' }] });
  });

  test('the last message refused: the mark has its id', () => {
    const rows = new SampleRows();
    accept(rows, push([run([messageBytes(1), messageBytes(2, { body: new Uint8Array(1001) })])]));
    expect(rows.streams.get(streamKeyText(KEY))).toMatchObject({ accepted: 2, acceptedId: messageId(2) });
  });

  test('a duplicate of a refused message repeats the refusal, until the device has heard of it', () => {
    const rows = new SampleRows();
    accept(rows, push([run([messageBytes(1, { body: new Uint8Array(1001) })])]));
    const refusals = [{ number: 1, id: messageId(1), code: 'too-large' }];
    expect(only(accept(rows, push([runOf(1, 1)])))).toMatchObject({ accepted: 1, since: 0, refusals });
    expect(only(accept(rows, push([runOf(2, 2)])))).toMatchObject({ accepted: 2, since: 0, refusals });
    const heard = only(accept(rows, push([runOf(3, 3, { acknowledged: 2 })])));
    expect(heard).toEqual({ ...KEY, attempt: 0, accepted: 3, acceptedId: messageId(3), since: 2 });
  });

  test('the state counts from the lowest acknowledged number of the runs', () => {
    const rows = acceptedUpTo(3);
    const state = only(
      accept(rows, push([runOf(4, 4, { acknowledged: 3 }), runOf(5, 5, { acknowledged: 1 })])),
    );
    expect(state).toMatchObject({ accepted: 5, since: 1 });
  });
});

describe('skips', () => {
  test('a skip takes its number and is a row', () => {
    const rows = new SampleRows();
    const skips = [{ index: 1, id: messageId(2), code: 'cancelled' }];
    const state = only(
      accept(rows, push([run([messageBytes(1), new Uint8Array(0), messageBytes(3)], { skips })])),
    );
    expect(state).toMatchObject({ accepted: 3, skips: [{ number: 2, id: messageId(2), code: 'cancelled' }] });
    expect(rows.ids()).toEqual([messageId(1), messageId(3)]);
    expect(only(accept(rows, push([runOf(1, 3)]))).skips).toHaveLength(1);
  });

  test('a skip stands in a stream to a queue that is not there as well', () => {
    const skips = [{ index: 0, id: messageId(1), code: 'cancelled' }];
    const state = only(
      accept(new SampleRows(), push([run([new Uint8Array(0)], { queue: 'nowhere', skips })])),
    );
    expect(state).toMatchObject({ accepted: 1, skips: [{ number: 1, code: 'cancelled' }] });
    expect(state.refusals).toBeUndefined();
  });
});

describe('order across epochs', () => {
  const after = { epoch: epochId(1), number: 2 };

  test('a run waits for its predecessor in another epoch', () => {
    const rows = acceptedUpTo(1);
    const later = runOf(1, 1, { epoch: epochId(2), after });
    expect(only(accept(rows, push([later])))).toMatchObject({ epoch: epochId(2), accepted: 0 });
    accept(rows, push([runOf(2, 2)]));
    expect(only(accept(rows, push([later])))).toMatchObject({ accepted: 1 });
  });

  test('a predecessor that the same push brings counts', () => {
    const rows = new SampleRows();
    const states = statesOf(accept(rows, push([runOf(1, 2), runOf(1, 1, { epoch: epochId(2), after })])));
    expect(states.map(({ accepted }) => accepted)).toEqual([2, 1]);
  });

  test('a predecessor that the same push brings too late does not', () => {
    const rows = new SampleRows();
    const states = statesOf(accept(rows, push([runOf(1, 1, { epoch: epochId(2), after }), runOf(1, 2)])));
    expect(states.map(({ accepted }) => accepted)).toEqual([0, 2]);
  });

  test('the predecessor is looked for in the same queue and priority', () => {
    const rows = acceptedUpTo(2);
    const state = only(accept(rows, push([runOf(1, 1, { epoch: epochId(2), priority: 4, after })])));
    expect(state.accepted).toBe(0);
  });

  test('duplicates are acknowledged without their predecessor', () => {
    const rows = new SampleRows();
    accept(rows, push([runOf(1, 1, { epoch: epochId(2) })]));
    expect(only(accept(rows, push([runOf(1, 1, { epoch: epochId(2), after })])))).toMatchObject({
      accepted: 1,
    });
  });
});

describe('sessions and subjects', () => {
  test.each([
    ['an older session', session(1), { session: session(2) }, 'newer-connection'],
    ['the same number with another nonce', session(1, 'bb'), {}, 'newer-connection'],
    ['a later session than the store knows', session(7), {}, 'newer-connection'],
    ['a revoked device', session(1), { revoked: true }, 'revoked'],
    ['a device of another subject', session(1), { subject: 'other' }, 'revoked'],
  ])('%s is fenced, and nothing is stored', (_, named, device, reason) => {
    const rows = new SampleRows();
    rows.device = { ...sampleDevice(), ...device };
    const result = accept(rows, push([runOf(1, 1)], { session: named }));
    expect(result.reply).toMatchObject({ type: 'fenced', reason });
    expect(rows.messages.size + rows.streams.size + rows.epochs.size).toBe(0);
  });

  test('a fenced device hears which session is in force, another subject does not', () => {
    const rows = new SampleRows();
    rows.device = { ...sampleDevice(), session: session(2) };
    expect(accept(rows, push([runOf(1, 1)])).reply).toMatchObject({ session: session(2) });
    rows.device = { ...rows.device, subject: 'other' };
    expect(accept(rows, push([runOf(1, 1)])).reply).not.toHaveProperty('session');
  });

  test('a device that the store does not know is fenced', () => {
    const rows = new SampleRows();
    rows.device = undefined;
    expect(accept(rows, push([runOf(1, 1)])).reply).toEqual({ type: 'fenced', reason: 'newer-connection' });
  });

  test("another subject's epoch is not written to, and how far it is stays unsaid", () => {
    const rows = acceptedUpTo(2);
    rows.epochs.set(epochId(1), { epoch: epochId(1), subject: 'other' });
    const state = only(accept(rows, push([runOf(3, 3)])));
    expect(state).toEqual({
      ...KEY,
      attempt: 0,
      accepted: 0,
      since: 0,
      stall: { code: 'access-denied', retryAfterMs: 60_000 },
    });
    expect(rows.ids()).toHaveLength(2);
  });

  test('a device that was told of more than the store holds gives an alarm', () => {
    const rows = acceptedUpTo(2);
    const other = runOf(1, 1, { epoch: epochId(2) });
    expect(accept(rows, push([other, runOf(8, 8, { acknowledged: 7 })]))).toMatchObject({
      reply: { type: 'fenced', reason: 'went-back' },
      wentBack: [KEY],
    });
    expect(rows.ids()).toHaveLength(2);
    expect(rows.generations).toMatchObject({ current: FRESH, former: new Set([generationId(1)]) });
    expect(only(accept(rows, push([runOf(3, 3, { acknowledged: 2 })])))).toMatchObject({ accepted: 3 });
  });
});

describe('closed epochs', () => {
  test('the next number reopens one', () => {
    const rows = acceptedUpTo(2);
    rows.epochs.set(epochId(1), { epoch: epochId(1), subject: 'rep', closedAt: 500 });
    accept(rows, push([runOf(1, 2)]));
    expect(rows.epochs.get(epochId(1))?.closedAt).toBe(500);
    accept(rows, push([runOf(3, 3)]));
    expect(rows.epochs.get(epochId(1))).toEqual({ epoch: epochId(1), subject: 'rep' });
  });
});

describe('first use of a queue', () => {
  const createQueue = { maxBodyBytes: 500 };
  const made: QueueRow = newQueueRow('visits', 1000, { maxBodyBytes: 500 });

  test('makes it in development mode', () => {
    const rows = new SampleRows();
    const result = accept(
      rows,
      push([runOf(1, 1, { queue: 'visits' }), runOf(1, 1, { queue: 'visits', priority: 5 })]),
      { createQueue },
    );
    expect(statesOf(result).map(({ accepted, refusals }) => [accepted, refusals])).toEqual([
      [1, undefined],
      [1, undefined],
    ]);
    expect(rows.queues.get('visits')).toEqual(made);
    expect(rows.ids('visits')).toHaveLength(2);
  });

  test("does not make the gateway's own", () => {
    const state = only(
      accept(new SampleRows(), push([runOf(1, 1, { queue: 'sys.audit' })]), { createQueue }),
    );
    expect(state.refusals).toMatchObject([{ code: 'queue-not-found' }]);
  });

  test('does not make what the token may not send to', () => {
    const rows = new SampleRows();
    accept(rows, push([runOf(1, 1, { queue: 'visits' })]), {
      createQueue,
      grants: { send: ['orders'], receive: [], manage: [] },
    });
    expect(rows.queues.has('visits')).toBe(false);
  });
});

describe('a push that is not packed as the protocol says', () => {
  test.each<[string, Push]>([
    ['an entry that reaches past the end', push([run([], { messages: new Uint8Array([0, 0, 0, 9, 1]) })])],
    ['a length that is cut off', push([run([], { messages: new Uint8Array([0, 0]) })])],
    [
      'a valid entry with garbage behind it',
      push([run([], { messages: new Uint8Array([...packEntries([messageBytes(1)]), 7]) })]),
    ],
    [
      'a skip for an entry with a message',
      push([run([messageBytes(1)], { skips: [{ index: 0, id: messageId(1), code: 'cancelled' }] })]),
    ],
    [
      'a skip without an entry',
      push([run([], { skips: [{ index: 0, id: messageId(1), code: 'cancelled' }] })]),
    ],
    [
      'two skips for one entry',
      push([
        run([new Uint8Array(0)], {
          skips: [0, 0].map((index) => ({ index, id: messageId(1), code: 'cancelled' })),
        }),
      ]),
    ],
    ['numbers past the largest', push([runOf(1, 2, { first: Number.MAX_SAFE_INTEGER - 1 })])],
    ['more entries than a run may have', push([run(Array.from({ length: 4097 }, () => new Uint8Array(0)))])],
    [
      'more entries than a window has',
      push(Array.from({ length: 3 }, () => run(Array.from({ length: 4000 }, () => new Uint8Array(0))))),
    ],
  ])('%s', (_, frame) => {
    expect(() => readPush(frame)).toThrow(expect.objectContaining({ code: 'malformed-frame' }));
  });
});

function context(overrides: Partial<AcceptContext> = {}): AcceptContext {
  const grants = { send: ['*'], receive: [], manage: [] };
  return {
    device: deviceId(1),
    subject: 'rep',
    grants,
    now: 1000,
    attempts: new Map(),
    freshGeneration: FRESH,
    fatesMax: 1024,
    ...overrides,
  };
}

/** Decides on a push, with the rows above the lowest acknowledged number as a store loads them, and writes it. */
function accept(rows: SampleRows, frame: Push, overrides: Partial<AcceptContext> = {}): AcceptResult {
  const since = Math.min(...frame.runs.map(({ acknowledged }) => acknowledged));
  const circumstances = context(overrides);
  const snapshot = rows.above(since, circumstances.fatesMax);
  const { changes, result } = decideAccept(snapshot, readPush(frame), circumstances);
  rows.apply(changes);
  return result;
}

function statesOf(result: AcceptResult): StreamState[] {
  if (result.reply.type !== 'ack') throw new TypeError(`fenced: ${result.reply.reason}`);
  return result.reply.streams;
}

function only(result: AcceptResult): StreamState {
  const [state, ...others] = statesOf(result);
  if (state === undefined || others.length > 0)
    throw new RangeError(`${others.length + 1} states instead of one`);
  return state;
}

function acceptedUpTo(number: number): SampleRows {
  const rows = new SampleRows();
  accept(rows, push([runOf(1, number)]));
  return rows;
}
