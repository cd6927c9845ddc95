import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { newQueueRow } from '@fieldpost/gateway/testing';
import type { GatewayStore, NewMessage } from '@fieldpost/gateway/testing/suites';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createWatchedHandle, type WatchedHandle } from '../support/watched-handle.ts';
import { createSqliteStoreHarness, type SqliteStoreHarness } from './sqlite-store-harness.ts';

const MIB = 1024 * 1024;
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

async function openWithQueue(
  ...parameters: Parameters<SqliteStoreHarness['openWith']>
): Promise<GatewayStore> {
  store = await harness.openWith(...parameters);
  await store.transact({}, () => ({
    changes: [{ type: 'put-queue', row: newQueueRow('orders', 1, { retryDelaysMs: [] }) }],
    result: undefined,
  }));
  return store;
}

function append(to: GatewayStore, bytes = 10, count = 1): Promise<void> {
  const message: NewMessage = {
    id: new Uint8Array(16),
    properties: new Uint8Array(0),
    body: new Uint8Array(bytes),
    priority: 3,
    sentAt: 1,
    arrivedAt: 1,
  };
  const messages = Array.from({ length: count }, () => message);
  return to.transact({}, () => ({
    changes: [{ type: 'append', queue: 'orders', messages }],
    result: undefined,
  }));
}

function commitsOf({ ran }: WatchedHandle): number {
  return ran.filter((sql) => sql === 'COMMIT').length;
}

describe('group commit', () => {
  test('all calls of one turn share one commit, and nobody is answered before it', async () => {
    let answered = 0;
    const answeredAtCommit: number[] = [];
    const handle = createWatchedHandle({
      beforeRun: (sql) => sql === 'COMMIT' && answeredAtCommit.push(answered),
    });
    const opened = await openWithQueue({ open: handle.open });
    answeredAtCommit.length = 0;
    const note = (): void => {
      answered += 1;
    };
    await Promise.all([
      ...Array.from({ length: 100 }, () => append(opened).then(note)),
      opened
        .receive({ queue: 'orders', max: 3, leaseMs: 10, now: 1, leaseTokens: ['a', 'b', 'c'] })
        .then(note),
      opened.settle({ queue: 'orders', settlements: [{ type: 'ack', receipt: 'x' }], now: 1 }).then(note),
    ]);
    expect(answeredAtCommit).toEqual([0]);
    expect(answered).toBe(102);
  });

  test('calls of different turns have commits of their own', async () => {
    const handle = createWatchedHandle();
    const opened = await openWithQueue({ open: handle.open });
    const before = commitsOf(handle);
    for (let call = 0; call < 5; call++) await append(opened);
    expect(commitsOf(handle)).toBe(before + 5);
  });

  test('a group of many bytes is committed in parts, so that the first need not wait for all', async () => {
    const handle = createWatchedHandle();
    const opened = await openWithQueue({ open: handle.open });
    const before = commitsOf(handle);
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 5 }, (_, index) => append(opened, 4 * MIB).then(() => order.push(index))),
    );
    expect(commitsOf(handle)).toBe(before + 3);
    expect(order).toEqual([0, 1, 2, 3, 4]);
  });
});

describe('an error that leaves the disk in doubt', () => {
  test('fails its group and every later call, is reported once, and touches the disk no more', async () => {
    let fails = false;
    const handle = createWatchedHandle({
      beforeRun: (sql) => {
        if (fails && sql === 'COMMIT') throw new Database.SqliteError('disk I/O error', 'SQLITE_IOERR_FSYNC');
      },
    });
    const failures: unknown[] = [];
    const opened = await openWithQueue({ open: handle.open, onFailure: (error) => failures.push(error) });
    fails = true;
    const group = await Promise.allSettled([
      append(opened),
      append(opened),
      opened.receive({ queue: 'orders', max: 1, leaseMs: 1, now: 1, leaseTokens: ['a'] }),
    ]);
    fails = false;
    const failed = { status: 'rejected', reason: { name: 'StoreError', code: 'store-failed' } };
    expect(group).toMatchObject([failed, failed, failed]);

    const ranBefore = handle.ran.length;
    const later = await Promise.allSettled([
      append(opened),
      opened.settle({ queue: 'orders', settlements: [], now: 1 }),
      opened.peek({ queue: 'orders', limit: 1, bodies: false, now: 1 }),
      opened.listQueues(1),
      opened.backup(harness.backupFile()),
    ]);
    expect(later).toMatchObject(later.map(() => failed));
    await nextTurn();
    expect(handle.ran.length).toBe(ranBefore);
    expect(failures).toHaveLength(1);
    expect(failures[0]).toMatchObject({ code: 'store-failed' });
  });

  test('calls that wait behind the failing group get the error too', async () => {
    let commits = 0;
    const handle = createWatchedHandle({
      beforeRun: (sql) => {
        if (sql === 'COMMIT' && ++commits === 3)
          throw new Database.SqliteError('disk I/O error', 'SQLITE_IOERR_WRITE');
      },
    });
    const opened = await openWithQueue({ open: handle.open });
    const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => append(opened, 4 * MIB)));
    const failedFrom = outcomes.findIndex((outcome) => outcome.status === 'rejected');
    expect(failedFrom).toBeGreaterThan(0);
    for (const outcome of outcomes.slice(failedFrom))
      expect(outcome).toMatchObject({ reason: { code: 'store-failed' } });
  });
});

describe('the log', () => {
  test('stays near its bound however much is written, and gives back what a burst took', async () => {
    const bound = 256 * 1024;
    const opened = await openWithQueue({ logBytesMax: bound });
    const size = (): number => statSync(`${harness.file}-wal`).size;
    let largest = 0;
    for (let call = 0; call < 200; call++) {
      await append(opened, 1000, 16);
      largest = Math.max(largest, size());
    }
    expect(statSync(harness.file).size).toBeGreaterThan(2 * MIB);
    expect(largest).toBeLessThan(bound * 1.5);

    await append(opened, 4 * MIB);
    expect(size()).toBeGreaterThan(4 * MIB);
    // The log is carried over in a turn of its own, and shrinks with the first commit behind it.
    await append(opened);
    await append(opened);
    expect(size()).toBeLessThanOrEqual(bound * 1.5);
  });

  test('closing carries the log over: one file is left', async () => {
    const opened = await openWithQueue({});
    await append(opened, 1000, 100);
    await opened.close();
    expect(() => statSync(`${harness.file}-wal`)).toThrow('ENOENT');
  });
});

describe('a backup that cannot be made', () => {
  test.each([
    ['its folder does not exist', 'missing/backup.db', 'not-found'],
    ['its folder is a file', 'gateway.db/backup.db', 'not-found'],
    ['a folder has its name', '.', 'conflict'],
  ])('says so when %s, leaves nothing behind, and the store goes on', async (_, name, code) => {
    const opened = await openWithQueue({});
    const before = readdirSync(harness.folder);
    await expect(opened.backup(join(harness.folder, name))).rejects.toMatchObject({
      name: 'StoreError',
      code,
    });
    expect(readdirSync(harness.folder)).toEqual(before);
    await append(opened);
  });
});

describe('limits', () => {
  const change = (sql: string, ...parameters: unknown[]): void => {
    const database = new Database(harness.file);
    database.prepare(sql).run(...parameters);
    database.close();
  };
  const ARRIVALS_MAX = 2 ** 38 - 1;

  test('a queue at the end of its arrival numbers refuses with quota-exceeded, and starts again when it is empty', async () => {
    const first = await openWithQueue({});
    await append(first);
    await first.close();
    change('UPDATE queues SET arrivals = ?', ARRIVALS_MAX - 3);
    store = await harness.open();
    await append(store, 10, 3);
    await expect(append(store)).rejects.toMatchObject({ name: 'StoreError', code: 'quota-exceeded' });
    const leased = await store.receive({
      queue: 'orders',
      max: 9,
      leaseMs: 1000,
      now: 1,
      leaseTokens: 'abcdefghi'.split(''),
    });
    expect(leased).toHaveLength(4);
    await store.settle({
      queue: 'orders',
      settlements: leased.map(({ receipt }) => ({ type: 'ack', receipt })),
      now: 1,
    });
    await append(store, 10, 5);
    expect(await store.getQueue('orders', 1)).toMatchObject({ ready: 5 });
  });

  test('a store full of queues refuses one more, and takes it when one was deleted', async () => {
    const opened = await openWithQueue({});
    const putQueue = (name: string): Promise<undefined> =>
      opened.transact({}, () => ({
        changes: [{ type: 'put-queue', row: newQueueRow(name, 1) }],
        result: undefined,
      }));
    await Promise.all(Array.from({ length: 4095 }, (_, index) => putQueue(`queue-${index}`)));
    await expect(putQueue('one-more')).rejects.toMatchObject({ name: 'StoreError', code: 'quota-exceeded' });
    await opened.transact({}, () => ({
      changes: [{ type: 'delete-queue', name: 'queue-7', at: 1 }],
      result: undefined,
    }));
    await putQueue('one-more');
    expect(await opened.listQueues(1)).toHaveLength(4096);
  });
});

test('no statement of a running store looks through messages, holds or streams from end to end', async () => {
  const handle = createWatchedHandle();
  const opened = await openWithQueue({ open: handle.open });
  await opened.close();
  const database = new Database(harness.file);
  try {
    const plans = [...handle.prepared]
      .filter((sql) => /^\s*(?:SELECT|UPDATE|DELETE)/.test(sql))
      // Once for each opening, and when the clock is set back, every hold is looked at.
      .filter((sql) => !/FROM holds WHERE deliveries > 0 AND until > \?/.test(sql))
      .map((sql) => {
        const parameters = Array.from(sql.matchAll(/\?/g), () => 0);
        const steps = database
          .prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`)
          .all(...parameters);
        return { sql, steps: steps.map((step) => step.detail) };
      });
    expect(plans.length).toBeGreaterThan(20);
    const scans = plans.filter(({ steps }) =>
      steps.some((step) =>
        /^SCAN (?!queues\b|jobs\b|one\b|migrations\b|former_generations\b|CONSTANT)/.test(step),
      ),
    );
    expect(scans).toEqual([]);
    // Nothing is sorted either: keys lie in queue order.
    expect(
      plans.filter(
        ({ steps, sql }) => steps.some((step) => step.includes('TEMP B-TREE')) && sql.includes('messages'),
      ),
    ).toEqual([]);
  } finally {
    database.close();
  }
});
