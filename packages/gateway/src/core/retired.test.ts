import type { SessionNonce } from '@fieldpost/protocol';
import { expect, test } from 'vitest';
import { deviceId, epochId, generationId, hello, messageId, push, runOf } from '../testing/sample-frames.ts';
import { SampleRows } from '../testing/sample-rows.ts';
import { decideAccept } from './accept.ts';
import { decideHello } from './hello.ts';
import { readPush } from './read-push.ts';

const KEY = { epoch: epochId(1), queue: 'orders', priority: 3 };
const STATE = {
  ...KEY,
  attempt: 0,
  accepted: 0,
  stall: { code: 'epoch-retired', retryAfterMs: 3_600_000 },
};

test('a retired epoch does not begin at 1 again: nothing of its streams is taken', () => {
  const rows = withRetired();
  const { changes, result } = decideAccept(rows, readPush(push([runOf(1, 3)])), context());
  expect(result).toMatchObject({
    reply: { type: 'ack', streams: [{ ...STATE, since: 0 }] },
    counts: { accepted: 0, passedOver: 3 },
  });
  expect(changes).toEqual([]);
});

test('what the device was told of it before is no sign of a store that went back', () => {
  const frame = push([runOf(8, 9, { acknowledged: 7 })]);
  const { changes, result } = decideAccept(withRetired(), readPush(frame), context());
  expect(result).toMatchObject({ reply: { type: 'ack', streams: [{ ...STATE, since: 7 }] } });
  expect(changes).toEqual([]);
});

test('a lost range does not bring it back', () => {
  const rows = withRetired();
  rows.generations = { ...rows.generations, former: new Set([generationId(2)]) };
  const frame = push([runOf(5, 6, { lost: { first: 1, generation: generationId(2) } })]);
  const { changes, result } = decideAccept(rows, readPush(frame), context());
  expect(result).toMatchObject({ reply: { streams: [{ accepted: 0, stall: STATE.stall }] } });
  expect(changes).toEqual([]);
});

test('a welcome says so, and other streams of the hello are told as ever', () => {
  const streams = [
    { ...KEY, acknowledged: 7 },
    { ...KEY, epoch: epochId(2), acknowledged: 0 },
  ];
  const { result } = decideHello(withRetired(), hello({ streams }), {
    subject: 'rep',
    now: 1000,
    nonce: 'ffffffffffffffff' as SessionNonce,
    freshGeneration: generationId(99),
    way: 'socket',
  });
  expect(result).toMatchObject({
    reply: {
      streams: [
        { ...STATE, since: 7 },
        { epoch: epochId(2), accepted: 0 },
      ],
    },
    wentBack: { session: false, streams: [] },
    isGenerationNew: false,
  });
  expect(JSON.stringify(result)).not.toContain(messageId(7));
});

test('other streams of the same push are taken', () => {
  const rows = withRetired();
  const frame = push([runOf(1, 1), runOf(1, 2, { epoch: epochId(2) })]);
  const { result } = decideAccept(rows, readPush(frame), context());
  expect(result).toMatchObject({ counts: { accepted: 2, passedOver: 1 } });
});

function withRetired(): SampleRows {
  const rows = new SampleRows();
  rows.retired.add(epochId(1));
  return rows;
}

function context() {
  return {
    device: deviceId(1),
    subject: 'rep',
    grants: { send: ['*'], receive: [], manage: [] },
    now: 1000,
    attempts: new Map<string, number>(),
    freshGeneration: generationId(99),
  };
}
