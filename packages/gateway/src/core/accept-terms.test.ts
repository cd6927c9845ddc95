import type { MessageProperties, Run, StreamState } from '@fieldpost/protocol';
import { describe, expect, test } from 'vitest';
import type { BodySchemas } from '../ports/body-schemas.ts';
import {
  deviceId,
  generationId,
  messageBytes,
  messageId,
  push,
  run,
  runOf,
} from '../testing/sample-frames.ts';
import { SampleRows } from '../testing/sample-rows.ts';
import { decideAccept } from './accept.ts';
import { newQueueRow } from './queue-settings.ts';
import { readPush } from './read-push.ts';

const NOW = 100_000;

describe('times and groups of a message', () => {
  test('are counted from when it was sent, as the run says', () => {
    const rows = new SampleRows();
    const properties = { timeToLiveMs: 3000, deliverAfterMs: 1500, groupId: 'g' };
    accept(rows, [
      run(
        [1, 2].map((number) => messageBytes(number, { properties })),
        { ageMs: 1000 },
      ),
    ]);
    const terms = { expiresAt: NOW + 2000, visibleAt: NOW + 500, groupId: 'g' };
    expect(rows.messages.get('orders')).toMatchObject([{ terms }, { terms }]);
  });

  test('a delay that has passed on the way is none, and a message that asks for nothing has no terms', () => {
    const rows = new SampleRows();
    const entries = [messageBytes(1, { properties: { deliverAfterMs: 1000 } }), messageBytes(2)];
    accept(rows, [run(entries, { ageMs: 1000 })]);
    expect(rows.messages.get('orders')?.map(({ terms }) => terms ?? {})).toEqual([{}, {}]);
  });

  test.each<[string, MessageProperties, string | undefined]>([
    ['time to reach the queue', { timeToReachQueueMs: 1000 }, 'reach-timeout'],
    ['time to live', { timeToLiveMs: 1000 }, 'receive-timeout'],
    [
      'both, of which the time to live counts',
      { timeToLiveMs: 900, timeToReachQueueMs: 10 },
      'receive-timeout',
    ],
    ['neither yet', { timeToLiveMs: 1001, timeToReachQueueMs: 1001 }, undefined],
  ])('on arrival it has run out: %s', (_what, properties, code) => {
    const rows = new SampleRows();
    const entries = [messageBytes(1, { properties }), messageBytes(2)];
    const [state] = accept(rows, [run(entries, { ageMs: 1000 })]);
    expect(state).toMatchObject({ accepted: 2 });
    expect(state?.refusals ?? []).toEqual(code === undefined ? [] : [{ number: 1, id: messageId(1), code }]);
    expect(rows.ids()).toEqual([...(code === undefined ? [messageId(1)] : []), messageId(2)]);
  });
});

test('a body that does not match the schema of its queue is refused, and its number is taken', () => {
  const rows = new SampleRows();
  const schema = JSON.stringify({ properties: { n: { maximum: 1 } } });
  rows.queues.set('orders', newQueueRow('orders', 0, { schema }));
  const schemas = { compile: () => (body: Uint8Array) => !new TextDecoder().decode(body).includes('2') };
  const [state] = accept(rows, [runOf(1, 3)], schemas);
  expect(state).toMatchObject({
    accepted: 3,
    refusals: [{ number: 2, id: messageId(2), code: 'schema-mismatch' }],
  });
  expect(rows.ids()).toEqual([1, 3].map(messageId));
});

describe('a queue that takes nothing now', () => {
  const full = { code: 'quota-exceeded', retryAfterMs: 5000 };

  test('is filled to its quota and then holds the stream back: nothing is lost, refused or passed over', () => {
    const rows = new SampleRows();
    rows.queues.set('orders', newQueueRow('orders', 0, { quotaMessages: 5 }));
    rows.usage.set('orders', { messages: 3, bytes: 100 });
    const [state] = accept(rows, [runOf(1, 4)]);
    expect(state).toMatchObject({ accepted: 2, acceptedId: messageId(2), stall: full });
    expect(state).not.toHaveProperty('refusals');
    rows.usage.set('orders', { messages: 1, bytes: 10 });
    expect(accept(rows, [runOf(1, 4)])).toMatchObject([{ accepted: 4 }]);
    expect(rows.ids()).toEqual([1, 2, 3, 4].map(messageId));
  });

  test('holds back its own streams only, and what is skipped or refused passes', () => {
    const rows = new SampleRows();
    rows.queues.set('orders', newQueueRow('orders', 0, { quotaBytes: 50, maxBodyBytes: 20 }));
    rows.queues.set('visits', newQueueRow('visits', 0));
    rows.usage.set('orders', { messages: 1, bytes: 50 });
    const entries = [messageBytes(1, { body: new Uint8Array(21) }), messageBytes(2)];
    const states = accept(rows, [
      run(entries),
      runOf(1, 2, { queue: 'visits' }),
      runOf(1, 1, { priority: 5 }),
    ]);
    expect(states).toMatchObject([
      { accepted: 1, refusals: [{ code: 'too-large' }], stall: full },
      { queue: 'visits', accepted: 2 },
      { priority: 5, accepted: 0, stall: full },
    ]);
    expect(states[1]).not.toHaveProperty('stall');
  });

  test('counts what one push brings by several streams together', () => {
    const rows = new SampleRows();
    rows.queues.set('orders', newQueueRow('orders', 0, { quotaMessages: 3 }));
    rows.usage.set('orders', { messages: 0, bytes: 0 });
    const states = accept(rows, [runOf(1, 2), runOf(1, 2, { priority: 5 })]);
    expect(states.map(({ accepted }) => accepted)).toEqual([2, 1]);
  });

  test('is paused for sending: the stream waits', () => {
    const rows = new SampleRows();
    rows.queues.set('orders', newQueueRow('orders', 0, { sendingPaused: true }));
    expect(accept(rows, [runOf(1, 1)])).toMatchObject([{ accepted: 0, stall: { code: 'queue-paused' } }]);
    rows.queues.set('orders', newQueueRow('orders', 0, { receivingPaused: true }));
    expect(accept(rows, [runOf(1, 1)])).toMatchObject([{ accepted: 1 }]);
  });
});

function accept(rows: SampleRows, runs: readonly Run[], schemas?: BodySchemas): readonly StreamState[] {
  const { changes, result } = decideAccept(rows, readPush(push(runs)), {
    device: deviceId(1),
    subject: 'rep',
    grants: { send: ['*'], receive: [], manage: [] },
    now: NOW,
    attempts: new Map(),
    fatesMax: 100,
    freshGeneration: generationId(99),
    ...(schemas === undefined ? {} : { schemas }),
  });
  rows.apply(changes);
  if (result.reply.type !== 'ack') throw new Error(`an ack expected, not ${result.reply.type}`);
  return result.reply.streams;
}
