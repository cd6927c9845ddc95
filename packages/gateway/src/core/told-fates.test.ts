import type { Push, StreamState } from '@fieldpost/protocol';
import { describe, expect, test } from 'vitest';
import {
  deviceId,
  epochId,
  generationId,
  messageBytes,
  messageId,
  push,
  run,
  runOf,
} from '../testing/sample-frames.ts';
import { SampleRows } from '../testing/sample-rows.ts';
import { type AcceptResult, decideAccept } from './accept.ts';
import { readPush } from './read-push.ts';
import { fatesOfEach } from './told-fates.ts';

const KEY = { epoch: epochId(1), queue: 'orders', priority: 3 };

describe('more refusals and skips than one answer tells', () => {
  const NOTHING = new Uint8Array(0);
  const skips = [1, 3].map((index) => ({ index, id: messageId(index + 1), code: 'cancelled' }));
  /** Refused, skipped, refused, skipped, refused, accepted. */
  const mixed = run([NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, messageBytes(6)], { skips });

  test('it says how far it tells, and how far the stream is', () => {
    const state = only(accept(new SampleRows(), push([mixed]), { fatesMax: 2 }));
    expect(state).toEqual({
      ...KEY,
      attempt: 0,
      accepted: 2,
      acceptedId: messageId(2),
      since: 0,
      refusals: [{ number: 1, id: '00000000-0000-0000-0000-000000000000', code: 'bad-message' }],
      skips: [{ number: 2, id: messageId(2), code: 'cancelled' }],
      taken: 6,
    });
  });

  test('the stream stands where it stands: what follows is accepted, and what was taken is not taken twice', () => {
    const rows = new SampleRows();
    accept(rows, push([mixed]), { fatesMax: 2 });
    const again = accept(rows, push([mixed, runOf(7, 8)]), { fatesMax: 2 });
    expect(only(again)).toMatchObject({ accepted: 2, taken: 8 });
    expect(again).toMatchObject({ counts: { duplicates: 6, accepted: 2, refused: 0 } });
    expect(rows.ids()).toEqual([6, 7, 8].map(messageId));
  });

  test('a device that acknowledges what it heard hears of all, in as many answers as it takes', () => {
    const rows = new SampleRows();
    accept(rows, push([mixed]), { fatesMax: 2 });
    const numbers: number[] = [];
    const marks: number[] = [];
    for (let acknowledged = 0; acknowledged < 6 && marks.length < 9;) {
      const question = run([], { first: acknowledged + 1, acknowledged });
      const state = only(accept(rows, push([question]), { fatesMax: 2 }));
      numbers.push(...(state.refusals ?? []).map(({ number }) => number));
      numbers.push(...(state.skips ?? []).map(({ number }) => number));
      acknowledged = state.accepted;
      marks.push(acknowledged);
    }
    expect(marks).toEqual([2, 4, 6]);
    expect(numbers.toSorted((left, right) => left - right)).toEqual([1, 2, 3, 4, 5]);
  });

  test('exactly as many as it tells are told in full', () => {
    const state = only(accept(new SampleRows(), push([mixed]), { fatesMax: 5 }));
    expect(state).toMatchObject({ accepted: 6, acceptedId: messageId(6) });
    expect(state).not.toHaveProperty('taken');
  });
});

test('streams share what an answer tells, and each has one at least', () => {
  expect([1, 3, 1000, 1024, 5000].map((streams) => fatesOfEach(streams, 1024))).toEqual([1024, 341, 1, 1, 1]);
  expect(fatesOfEach(0, 1024)).toBe(1024);
});

/** Decides on a push, with the rows above the lowest acknowledged number as a store loads them, and writes it. */
function accept(rows: SampleRows, frame: Push, { fatesMax }: { readonly fatesMax: number }): AcceptResult {
  const since = Math.min(...frame.runs.map(({ acknowledged }) => acknowledged));
  const grants = { send: ['*'], receive: [], manage: [] };
  const context = {
    device: deviceId(1),
    subject: 'rep',
    grants,
    now: 1000,
    attempts: new Map<string, number>(),
    fatesMax,
    freshGeneration: generationId(99),
  };
  const { changes, result } = decideAccept(rows.above(since, fatesMax), readPush(frame), context);
  rows.apply(changes);
  return result;
}

function only(result: AcceptResult): StreamState {
  if (result.reply.type !== 'ack') throw new TypeError(`fenced: ${result.reply.reason}`);
  const [state, ...others] = result.reply.streams;
  if (state === undefined || others.length > 0)
    throw new RangeError(`${others.length + 1} states instead of one`);
  return state;
}
