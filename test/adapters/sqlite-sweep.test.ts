import { newQueueRow } from '@fieldpost/gateway/testing';
import type { GatewayStore, NewMessage } from '@fieldpost/gateway/testing/suites';
import type { MessageId } from '@fieldpost/protocol';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { until } from '../support/until.ts';
import { createWatchedHandle } from '../support/watched-handle.ts';
import { createSqliteStoreHarness, type SqliteStoreHarness } from './sqlite-store-harness.ts';

// What deleted queues leave behind goes in batches, beside everybody else's calls.

const MESSAGES = 20_000;
const BATCH_ROWS = 500;
let harness: SqliteStoreHarness;
let store: GatewayStore | undefined;

beforeEach(() => {
  harness = createSqliteStoreHarness();
});

afterEach(async () => {
  await store?.close();
  store = undefined;
  await harness.dispose();
});

test('a large queue is gone at once, and its rows go in batches that let other calls through', async () => {
  let rowsInGroup = 0;
  let rowsInGroupMax = 0;
  const handle = createWatchedHandle({
    beforeRun: (sql) => {
      if (sql === 'COMMIT') rowsInGroup = 0;
      if (sql.startsWith('DELETE FROM messages')) rowsInGroup += BATCH_ROWS;
      rowsInGroupMax = Math.max(rowsInGroupMax, rowsInGroup);
    },
  });
  const opened = await openWith(handle.open);
  await makeQueue(opened, 'orders');
  await makeQueue(opened, 'visits');
  await append(opened, 'orders', MESSAGES);
  await append(opened, 'visits', 3);
  await remove(opened, 'orders');
  expect(await opened.getQueue('orders', 1)).toBeUndefined();
  expect((await opened.listQueues(1)).map(({ name }) => name)).toEqual(['visits']);
  expect(rowsLeft()).toBeGreaterThan(MESSAGES / 2);
  // Others are served between two batches, not behind the last.
  await append(opened, 'visits', 1);
  expect(rowsLeft()).toBeGreaterThan(MESSAGES / 2);
  await until(() => rowsLeft() === 4);
  expect(rowsInGroupMax).toBe(BATCH_ROWS);
  expect(await numbersIn(opened, 'visits')).toBe(4);
});

test('a queue made again under the same name is empty, and keeps what it gets while the old rows go', async () => {
  const opened = await openWith();
  await makeQueue(opened, 'orders');
  await append(opened, 'orders', MESSAGES);
  await remove(opened, 'orders');
  await makeQueue(opened, 'orders');
  expect(await opened.getQueue('orders', 1)).toMatchObject({ ready: 0, bytes: 0 });
  await append(opened, 'orders', 7);
  const leased = await opened.receive({ ...RECEIVE, queue: 'orders' });
  expect(leased).toHaveLength(2);
  await until(() => rowsLeft() === 7);
  expect(await numbersIn(opened, 'orders')).toBe(7);
  const settlements = leased.map(({ receipt }) => ({ type: 'ack', receipt }) as const);
  const results = await opened.settle({ queue: 'orders', settlements, now: 1 });
  expect(results.every(({ code }) => code === undefined)).toBe(true);
});

test('what a stop left behind goes at the next start: messages, holds and ids of producers', async () => {
  const opened = await openWith();
  await makeQueue(opened, 'orders');
  await append(opened, 'orders', MESSAGES);
  await opened.receive({ ...RECEIVE, queue: 'orders' });
  await remember(opened, 'orders', 3 * BATCH_ROWS);
  await makeQueue(opened, 'visits');
  await remember(opened, 'visits', 5);
  await remove(opened, 'orders');
  await opened.close();
  expect(rowsLeft()).toBeGreaterThan(MESSAGES / 2);
  await openWith();
  await until(() => rowsLeft() === 0 && rowsLeft('holds') === 0 && rowsLeft('sends') === 5);
});

test('large bodies make small batches', async () => {
  const handle = createWatchedHandle();
  const opened = await openWith(handle.open);
  await makeQueue(opened, 'orders');
  for (let round = 0; round < 12; round++) await append(opened, 'orders', 1, 1024 * 1024);
  await remove(opened, 'orders');
  await until(() => rowsLeft() === 0);
  expect(handle.ran.filter((sql) => sql.startsWith('DELETE FROM messages'))).toHaveLength(3);
});

test('a deletion that was taken back takes nothing', async () => {
  const opened = await openWith();
  await makeQueue(opened, 'orders');
  await append(opened, 'orders', 3);
  const inVain = opened.transact({}, () => ({
    changes: [
      { type: 'delete-queue', name: 'orders', at: 1 },
      { type: 'delete-queue', name: 'orders', at: 1 },
    ],
    result: undefined,
  }));
  await expect(inVain).rejects.toMatchObject({ code: 'queue-not-found' });
  await append(opened, 'orders', 1);
  await remember(opened, 'orders', 1);
  expect(await numbersIn(opened, 'orders')).toBe(4);
});

test('a deletion whose commit failed takes nothing, not even behind the next one', async () => {
  let fails = false;
  const handle = createWatchedHandle({
    beforeRun: (sql) => {
      if (sql !== 'COMMIT' || !fails) return;
      fails = false;
      throw new Database.SqliteError('database or disk is full', 'SQLITE_FULL');
    },
  });
  const opened = await openWith(handle.open);
  await makeQueue(opened, 'orders');
  await makeQueue(opened, 'visits');
  await append(opened, 'orders', 5);
  await append(opened, 'visits', 3);
  fails = true;
  await expect(remove(opened, 'orders')).rejects.toMatchObject({ code: 'store-full' });
  await remove(opened, 'visits');
  await until(() => rowsLeft() === 5);
  await append(opened, 'orders', 1);
  expect(await numbersIn(opened, 'orders')).toBe(6);
  expect(rowsLeft()).toBe(6);
});

const RECEIVE = { max: 2, leaseMs: 60_000, now: 1, leaseTokens: ['a', 'b'] };

/** The store's own connection: it locks the file for itself. */
let connection: Database.Database;

async function openWith(open = (file: string) => new Database(file)): Promise<GatewayStore> {
  store = await harness.openWith({ open: (file) => (connection = open(file)) });
  return store;
}

async function makeQueue(to: GatewayStore, name: string): Promise<void> {
  const row = newQueueRow(name, 1);
  await to.transact({}, () => ({ changes: [{ type: 'put-queue', row }], result: undefined }));
}

async function remove(from: GatewayStore, name: string): Promise<void> {
  await from.transact({}, () => ({ changes: [{ type: 'delete-queue', name, at: 1 }], result: undefined }));
}

async function append(to: GatewayStore, queue: string, count: number, bytes = 10): Promise<void> {
  const message: NewMessage = {
    id: new Uint8Array(16),
    properties: new Uint8Array(0),
    body: new Uint8Array(bytes),
    priority: 3,
    sentAt: 1,
    arrivedAt: 1,
  };
  const messages = Array.from({ length: count }, () => message);
  await to.transact({}, () => ({ changes: [{ type: 'append', queue, messages }], result: undefined }));
}

async function remember(to: GatewayStore, queue: string, count: number): Promise<void> {
  const changes = Array.from({ length: count }, (_, index) => {
    const id = `00000000-0000-4000-8000-${String(index).padStart(12, '0')}` as MessageId;
    return { type: 'put-send', queue, row: { id, contentHash: new Uint8Array(32), sentAt: 1 } } as const;
  });
  await to.transact({}, () => ({ changes, result: undefined }));
}

async function numbersIn(from: GatewayStore, name: string): Promise<number> {
  const info = await from.getQueue(name, 1);
  return (info?.ready ?? 0) + (info?.leased ?? 0);
}

/** Rows in the file, whoever they belong to. */
function rowsLeft(table: 'messages' | 'holds' | 'sends' = 'messages'): number {
  const reader = connection.open ? connection : new Database(harness.file, { readonly: true });
  const count = reader.prepare<[], number>(`SELECT count(*) FROM ${table}`).pluck().get() ?? 0;
  if (reader !== connection) reader.close();
  return count;
}
