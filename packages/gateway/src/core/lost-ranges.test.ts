import {
  type GenerationId,
  LIMITS,
  type MessageId,
  packEntries,
  type Push,
  type Run,
  streamKeyText,
  type StreamState,
  uuidFromBytes,
} from '@fieldpost/protocol';
import { describe, expect, test } from 'vitest';
import type { LostRange } from '../ports/gateway-store.ts';
import {
  deviceId,
  epochId,
  generationId,
  messageBytes,
  messageId,
  push,
  runOf,
} from '../testing/sample-frames.ts';
import { SampleRows } from '../testing/sample-rows.ts';
import { type AcceptContext, type AcceptResult, decideAccept } from './accept.ts';
import { readPush } from './read-push.ts';

// A store that went back in time: its streams stand lower than what devices were told under the generation before.

const KEY = { epoch: epochId(1), queue: 'orders', priority: 3 };
const BEFORE = generationId(2);
const NOBODYS_ID = uuidFromBytes(new Uint8Array(16)) as MessageId;

describe('numbers that are said to be lost', () => {
  test('are recorded up to the run, and the run is taken behind them', () => {
    const rows = wentBack(2);
    const result = accept(rows, [runOf(6, 7, { acknowledged: 2, lost: lostFrom(3) })]);
    expect(only(result)).toMatchObject({
      accepted: 7,
      acceptedId: messageId(7),
      lost: [{ first: 3, last: 5 }],
    });
    expect(result).toMatchObject({ counts: { accepted: 2 }, lost: [{ stream: KEY, first: 3, last: 5 }] });
    expect(lostOf(rows)).toEqual([{ first: 3, last: 5, device: deviceId(1), recordedAt: 1000 }]);
    expect(rows.ids()).toEqual([1, 2, 6, 7].map(messageId));
  });

  test('take no message: nobody knows the id under the last of them', () => {
    const rows = wentBack(2);
    expect(only(accept(rows, [lostOnly(3, 5)]))).toMatchObject({ accepted: 5, acceptedId: NOBODYS_ID });
    expect(rows.streams.get(streamKeyText(KEY))).toMatchObject({ accepted: 5, acceptedId: NOBODYS_ID });
    expect(only(accept(rows, [runOf(6, 6)]))).toMatchObject({ accepted: 6, lost: [{ first: 3, last: 5 }] });
  });

  test('may begin an epoch that the store has wholly forgotten', () => {
    const rows = wentBack(0);
    expect(only(accept(rows, [lostOnly(1, 3)]))).toMatchObject({ accepted: 3 });
    expect(rows.epochs.get(epochId(1))).toEqual({ epoch: epochId(1), subject: 'rep' });
    expect(lostOf(rows)).toMatchObject([{ first: 1, last: 3 }]);
  });

  test('that are in the store are duplicates: only what lies above its mark is lost', () => {
    const rows = wentBack(4);
    accept(rows, [runOf(6, 6, { lost: lostFrom(2) })]);
    expect(lostOf(rows)).toMatchObject([{ first: 5, last: 5 }]);
    expect(rows.ids()).toEqual([1, 2, 3, 4, 6].map(messageId));
  });

  test.each<[string, Run['lost'], readonly GenerationId[]]>([
    ['under the generation in force, in a store that never went back', lostFrom(3, generationId(1)), []],
    ['under none, in a store that never went back', lostFrom(3, null), []],
    ['above a gap of their own', lostFrom(4), [BEFORE]],
    ['not at all', undefined, [BEFORE]],
  ])('%s: a gap as any other', (_, lost, former) => {
    const rows = wentBack(2, former);
    const run = runOf(6, 6, { acknowledged: 2, ...(lost === undefined ? {} : { lost }) });
    const result = accept(rows, [run]);
    expect(only(result)).toMatchObject({ accepted: 2 });
    expect(result).toMatchObject({ counts: { accepted: 0, passedOver: 1 }, lost: [] });
    expect(lostOf(rows)).toEqual([]);
  });

  test('wait for their predecessor as messages do', () => {
    const rows = wentBack(2);
    const after = { epoch: epochId(2), number: 1 };
    const waits = accept(rows, [lostOnly(3, 5, { after })]);
    expect(only(waits)).toMatchObject({ accepted: 2 });
    expect(lostOf(rows)).toEqual([]);
    const both = accept(rows, [runOf(1, 1, { epoch: epochId(2) }), lostOnly(3, 5, { after })]);
    expect(statesOf(both).map(({ accepted }) => accepted)).toEqual([1, 5]);
  });

  test('said twice are recorded once', () => {
    const rows = wentBack(2);
    accept(rows, [lostOnly(3, 5)]);
    const again = accept(rows, [lostOnly(3, 5)]);
    expect(again).toMatchObject({ lost: [] });
    expect(lostOf(rows)).toHaveLength(1);
  });

  test('must lie before the run', () => {
    expect(() => readPush(push([runOf(3, 3, { lost: { first: 3 } })]))).toThrow('lost from 3 on');
  });

  test('of more ranges than one answer tells, the lowest are told', () => {
    const rows = wentBack(0);
    for (let first = 1; first <= 2 * LIMITS.lostTold + 2; first += 2)
      accept(rows, [runOf(first + 1, first + 1, { lost: lostFrom(first) })]);
    const state = only(accept(rows, [runOf(1, 0)]));
    expect(lostOf(rows)).toHaveLength(LIMITS.lostTold + 1);
    expect(state.lost).toHaveLength(LIMITS.lostTold);
    expect(state.lost?.[0]).toEqual({ first: 1, last: 1 });
  });
});

describe('a lost message that turns up', () => {
  test('is taken once, and the mark stays where it is', () => {
    const rows = withLost(3, 5);
    const result = accept(rows, [runOf(4, 4)]);
    expect(result).toMatchObject({ counts: { filled: 1, duplicates: 0, accepted: 1 } });
    expect(only(result)).toMatchObject({
      accepted: 6,
      acceptedId: messageId(6),
      lost: [
        { first: 3, last: 3 },
        { first: 5, last: 5 },
      ],
    });
    expect(rows.ids()).toEqual([1, 2, 6, 4].map(messageId));
    expect(accept(rows, [runOf(4, 4)])).toMatchObject({ counts: { filled: 0, duplicates: 1 } });
    expect(rows.ids()).toHaveLength(4);
  });

  test('fills the range when it comes with the others, among duplicates and before what is new', () => {
    const rows = withLost(3, 5);
    const result = accept(rows, [runOf(1, 8)]);
    expect(result).toMatchObject({ counts: { filled: 3, duplicates: 3, accepted: 5 } });
    expect(only(result)).toMatchObject({ accepted: 8, acceptedId: messageId(8) });
    expect(only(result)).not.toHaveProperty('lost');
    expect(rows.ids()).toEqual([1, 2, 6, 3, 4, 5, 7, 8].map(messageId));
    expect(lostOf(rows)).toEqual([]);
  });

  test('may be a skip or be refused: the range gets its fate', () => {
    const rows = withLost(3, 4);
    const skips = [{ index: 0, id: messageId(3), code: 'cancelled' }];
    const skip = { ...runOf(3, 3), messages: packEntries([new Uint8Array(0)]), skips };
    expect(only(accept(rows, [skip]))).toMatchObject({
      skips: [{ number: 3, code: 'cancelled' }],
      lost: [{ first: 4, last: 4 }],
    });
    const grants = { send: [], receive: [], manage: [] };
    expect(only(accept(rows, [runOf(4, 4)], { grants }))).toMatchObject({
      refusals: [{ number: 4, code: 'access-denied' }],
    });
    expect(lostOf(rows)).toEqual([]);
    expect(rows.ids()).toEqual([1, 2, 5].map(messageId));
  });

  test('waits when the queue is full, and stays recorded as lost', () => {
    const rows = withLost(3, 4);
    const queue = rows.queues.get('orders');
    if (queue === undefined) throw new Error('no queue');
    rows.queues.set('orders', { ...queue, sendingPaused: true });
    expect(only(accept(rows, [runOf(3, 4)]))).toMatchObject({
      accepted: 5,
      stall: { code: 'queue-paused' },
      lost: [{ first: 3, last: 4 }],
    });
    expect(lostOf(rows)).toMatchObject([{ first: 3, last: 4 }]);
    rows.queues.set('orders', queue);
    expect(accept(rows, [runOf(3, 4)])).toMatchObject({ counts: { filled: 2 } });
  });

  test('counts as having reached its queue, when it is sent again', () => {
    const rows = withLost(3, 4);
    const late = (number: number): Uint8Array =>
      messageBytes(number, { properties: { timeToReachQueueMs: 5 } });
    const run = { ...runOf(3, 3), ageMs: 900 };
    accept(rows, [{ ...run, messages: packEntries([late(3)]), again: true }]);
    expect(rows.ids()).toEqual([1, 2, 5, 3].map(messageId));
    const result = accept(rows, [{ ...run, first: 4, messages: packEntries([late(4)]) }]);
    expect(only(result)).toMatchObject({ refusals: [{ number: 4, code: 'reach-timeout' }] });
  });
});

/** A store that went back: of stream 1 it holds so many messages. */
function wentBack(accepted: number, former: readonly GenerationId[] = [BEFORE]): SampleRows {
  const rows = new SampleRows();
  rows.generations = { ...rows.generations, former: new Set(former) };
  if (accepted > 0) accept(rows, [runOf(1, accepted)]);
  return rows;
}

/** The same with a lost range, and a message behind it. */
function withLost(first: number, last: number): SampleRows {
  const rows = wentBack(first - 1);
  accept(rows, [runOf(last + 1, last + 1, { lost: lostFrom(first) })]);
  return rows;
}

function lostFrom(first: number, generation: GenerationId | null = BEFORE): NonNullable<Run['lost']> {
  return { first, ...(generation === null ? {} : { generation }) };
}

/** A run without messages. */
function lostOnly(first: number, last: number, more: Partial<Run> = {}): Run {
  return { ...runOf(last + 1, last), lost: lostFrom(first), ...more };
}

function lostOf(rows: SampleRows): readonly LostRange[] {
  return rows.streams.get(streamKeyText(KEY))?.lost ?? [];
}

function accept(rows: SampleRows, runs: Push['runs'], overrides: Partial<AcceptContext> = {}): AcceptResult {
  const { changes, result } = decideAccept(rows, readPush(push(runs)), {
    device: deviceId(1),
    subject: 'rep',
    grants: { send: ['*'], receive: [], manage: [] },
    now: 1000,
    attempts: new Map(),
    freshGeneration: generationId(99),
    ...overrides,
  });
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
