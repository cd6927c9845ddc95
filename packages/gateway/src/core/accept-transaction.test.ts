import { LIMITS, packEntries, ProtocolError, type Run, type StreamState } from '@fieldpost/protocol';
import { describe, expect, test } from 'vitest';
import type { QueueRow } from '../ports/gateway-store.ts';
import { deviceId, generationId, messageBytes, messageId, push, run } from '../testing/sample-frames.ts';
import { SampleRows } from '../testing/sample-rows.ts';
import { decideAccept } from './accept.ts';
import { newQueueRow } from './queue-settings.ts';
import { readPush } from './read-push.ts';

// Transactions of devices: several runs that are taken whole or not at all.

const ORDER = run([messageBytes(1)], { atomic: 1 });
const STOCK = run([messageBytes(2), messageBytes(3)], { queue: 'stock', priority: 5, atomic: 1 });

describe('a transaction', () => {
  test('is taken whole', () => {
    const rows = rowsWith();
    expect(accept(rows, [ORDER, STOCK])).toMatchObject([{ accepted: 1 }, { accepted: 2 }]);
    expect([rows.ids('orders'), rows.ids('stock')]).toEqual([[messageId(1)], [messageId(2), messageId(3)]]);
  });

  test('of which one message is refused takes all its numbers, and nothing of it is in any queue', () => {
    const rows = rowsWith({ stock: { maxBodyBytes: 3 } });
    const refused = (number: number, id: number): object => ({
      number,
      id: messageId(id),
      code: 'transaction-refused',
    });
    expect(accept(rows, [ORDER, STOCK])).toMatchObject([
      { accepted: 1, refusals: [refused(1, 1)] },
      { accepted: 2, refusals: [refused(1, 2), refused(2, 3)] },
    ]);
    expect([rows.ids('orders'), rows.ids('stock')]).toEqual([[], []]);
  });

  test('to a queue that the token does not allow is refused whole', () => {
    const rows = rowsWith();
    const [state] = accept(rows, [ORDER, STOCK], ['orders']);
    expect(state).toMatchObject({ refusals: [{ code: 'transaction-refused' }] });
    expect(rows.ids('orders')).toEqual([]);
  });

  test('of which one queue is full waits in all its streams, and is taken when there is room', () => {
    const rows = rowsWith({ stock: { quotaMessages: 2 } });
    rows.usage.set('stock', { messages: 1, bytes: 1 });
    const stall = { code: 'quota-exceeded' };
    const behind = run([messageBytes(4)], { first: 2 });
    expect(accept(rows, [ORDER, STOCK, behind])).toMatchObject([
      { accepted: 0, stall },
      { accepted: 0, stall },
    ]);
    expect([rows.ids('orders'), rows.ids('stock')]).toEqual([[], []]);
    rows.usage.clear();
    expect(accept(rows, [ORDER, STOCK, behind])).toMatchObject([{ accepted: 2 }, { accepted: 2 }]);
    expect(rows.ids('orders')).toEqual([messageId(1), messageId(4)]);
  });

  test('that takes more room than each message alone waits, too', () => {
    const rows = rowsWith({ stock: { quotaMessages: 1 } });
    expect(accept(rows, [ORDER, STOCK])).toMatchObject([{ stall: {} }, { stall: {} }]);
    expect(rows.ids('orders')).toEqual([]);
  });

  test('behind a gap in one stream is passed over in all', () => {
    const rows = rowsWith();
    const ahead = { ...STOCK, first: 4 };
    expect(accept(rows, [ORDER, ahead])).toMatchObject([{ accepted: 0 }, { accepted: 0 }]);
    expect(rows.ids('orders')).toEqual([]);
  });

  test('of an attempt that is over in one stream is passed over in all', () => {
    const rows = rowsWith();
    const attempt = run([], { queue: 'stock', priority: 5, attempt: 1 });
    expect(accept(rows, [attempt, ORDER, STOCK])).toMatchObject([{ accepted: 0 }, { accepted: 0 }]);
  });

  test('that comes again is a duplicate', () => {
    const rows = rowsWith();
    accept(rows, [ORDER, STOCK]);
    expect(accept(rows, [ORDER, STOCK])).toMatchObject([{ accepted: 1 }, { accepted: 2 }]);
    expect(rows.ids('orders')).toHaveLength(1);
  });

  test('that was taken back is skips, and they are taken', () => {
    const rows = rowsWith();
    const skipped = (of: Run, count: number): Run => ({
      ...of,
      messages: packEntries(Array.from({ length: count }, () => new Uint8Array(0))),
      skips: Array.from({ length: count }, (_, index) => ({
        index,
        id: messageId(index),
        code: 'cancelled',
      })),
    });
    expect(accept(rows, [skipped(ORDER, 1), skipped(STOCK, 2)])).toMatchObject([
      { accepted: 1, skips: [{}] },
      { accepted: 2, skips: [{}, {}] },
    ]);
  });

  test('of which one message cannot be read any more is refused in the others', () => {
    const rows = rowsWith();
    const damaged: Run = {
      ...ORDER,
      messages: packEntries([new Uint8Array(0)]),
      skips: [{ index: 0, id: messageId(1), code: 'unreadable' }],
    };
    expect(accept(rows, [damaged, STOCK])).toMatchObject([
      { accepted: 1, skips: [{ code: 'unreadable' }] },
      { accepted: 2, refusals: [{ code: 'transaction-refused' }, { code: 'transaction-refused' }] },
    ]);
  });

  test('beside another one decides for itself', () => {
    const rows = rowsWith({ stock: { maxBodyBytes: 3 } });
    const second = run([messageBytes(4)], { first: 2, atomic: 2 });
    expect(accept(rows, [ORDER, STOCK, second])).toMatchObject([{ accepted: 2 }, { accepted: 2 }]);
    expect(rows.ids('orders')).toEqual([messageId(4)]);
  });
});

describe('a push is malformed', () => {
  test.each<[string, readonly Run[]]>([
    ['when a transaction has two runs of one stream', [ORDER, { ...ORDER, first: 2 }]],
    ['when another run stands between two of a transaction', [ORDER, run([], { queue: 'visits' }), STOCK]],
    ['when a transaction says what is lost', [{ ...ORDER, first: 3, lost: { first: 1 } }, STOCK]],
    [
      'when a transaction has too many messages',
      [
        run(
          Array.from({ length: LIMITS.transactionMessages + 1 }, (_, n) => messageBytes(n)),
          { atomic: 1 },
        ),
      ],
    ],
  ])('%s', (_what, runs) => {
    expect(() => readPush(push(runs))).toThrow(ProtocolError);
  });
});

function rowsWith(settings: Readonly<Record<string, Partial<QueueRow>>> = {}): SampleRows {
  const rows = new SampleRows();
  for (const name of ['orders', 'stock'])
    rows.queues.set(name, { ...newQueueRow(name, 0, { maxBodyBytes: 1_000 }), ...settings[name] });
  return rows;
}

function accept(
  rows: SampleRows,
  runs: readonly Run[],
  send: readonly string[] = ['*'],
): readonly StreamState[] {
  const { changes, result } = decideAccept(rows.above(0), readPush(push(runs)), {
    device: deviceId(1),
    subject: 'rep',
    grants: { send: [...send], receive: [], manage: [] },
    now: 1,
    attempts: new Map(),
    freshGeneration: generationId(99),
  });
  rows.apply(changes);
  if (result.reply.type !== 'ack') throw new Error(`answered with ${result.reply.type}`);
  return result.reply.streams;
}
