import type { EpochId } from '@fieldpost/protocol';
import { expect, test } from 'vitest';
import type { EpochTail } from '../../ports/outbox-store.ts';
import { type Draft, planSave } from './plan-save.ts';

const EPOCH = 'e'.repeat(32) as EpochId;

test('numbers of a lane go on from its tail, and each lane has its own', () => {
  const drafts = [draft('orders', 3, 2), draft('orders', 6, 1), draft('orders', 3, 1), draft('visits', 3, 1)];
  const decision = planSave(EPOCH, tail({ '3orders': 7 }), drafts, {}, 'w1');
  expect(decision).toMatchObject({
    type: 'write',
    write: 'w1',
    segments: [
      { first: 8, count: 2 },
      { first: 1, count: 1 },
      { first: 10, count: 1 },
      { first: 1, count: 1 },
    ],
  });
});

test('a new epoch numbers from 1', () => {
  expect(planSave(EPOCH, undefined, [draft('orders', 3, 3)], {}, 'w1')).toMatchObject({
    segments: [{ stream: { epoch: EPOCH, queue: 'orders', priority: 3 }, first: 1, count: 3 }],
  });
});

test('the same write again is found, and written no second time', () => {
  const segments = [key(1)];
  const committed = { ...tail({ '3orders': 1 }), writes: [{ write: 'w1', segments }] };
  expect(planSave(EPOCH, committed, [draft('orders', 3, 1)], {}, 'w1')).toEqual({ type: 'found', segments });
});

test('a tail behind what was seen committed means that the disk went back', () => {
  const drafts = [draft('visits', 3, 1)];
  expect(planSave(EPOCH, tail({ '3orders': 4 }), drafts, { '3orders': 5 }, 'w1')).toEqual({
    type: 'rolled-back',
  });
  expect(planSave(EPOCH, undefined, drafts, { '3orders': 1 }, 'w1')).toEqual({ type: 'rolled-back' });
});

test('a tail ahead of what was seen is this epoch used by a write nobody heard of, and goes on', () => {
  expect(
    planSave(EPOCH, tail({ '3orders': 6 }), [draft('orders', 3, 1)], { '3orders': 5 }, 'w1'),
  ).toMatchObject({
    segments: [{ first: 7 }],
  });
});

function draft(queue: string, priority: number, count: number): Draft {
  return { lane: { queue, priority }, count, messages: new Uint8Array(count), savedAt: 0 };
}

function tail(lanes: Record<string, number>): EpochTail {
  return { epoch: EPOCH, lanes, writes: [] };
}

function key(position: number): EpochTail['writes'][number]['segments'][number] {
  return {
    position,
    stream: { epoch: EPOCH, queue: 'orders', priority: 3 },
    first: 1,
    count: 1,
    bytes: 1,
    savedAt: 0,
  };
}
