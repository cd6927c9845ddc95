import { CodedError, type DeviceId, type GenerationId } from '@fieldpost/protocol';
import { describe, expect, test, vi } from 'vitest';
import { createMemoryDisk } from '../adapters/memory/memory-disk.ts';
import { openMemoryStore } from '../adapters/memory/memory-store.ts';
import type { GatewayStore } from '../ports/gateway-store.ts';
import { guardStore } from './guard-store.ts';

const NO_CHANGE = { changes: [], result: 'done' };

describe('a failure of the store is told', () => {
  test.each<[string, unknown]>([
    ['an error of the driver', new Error('disk I/O error')],
    ['a write in doubt', new CodedError('store-failed', 'fsync failed')],
    ['damaged files', new CodedError('store-damaged', 'checksum')],
  ])('%s', async (_, error) => {
    const told = vi.fn();
    const store = memory();
    store.transact = () => Promise.reject(error);
    store.receive = () => Promise.reject(error);
    const guarded = guardStore(store, told);
    await expect(guarded.transact({}, () => NO_CHANGE)).rejects.toBe(error);
    await expect(
      guarded.receive({ queue: 'a', max: 1, leaseMs: 1, now: 0, leaseTokens: ['x'] }),
    ).rejects.toBe(error);
    expect(told.mock.calls).toEqual([[error], [error]]);
  });
});

describe('what is no failure of the store is not', () => {
  test('an error that the decision threw', async () => {
    const told = vi.fn();
    const thrown = new Error('a fault of ours');
    const decide = (): never => {
      throw thrown;
    };
    await expect(guardStore(memory(), told).transact({}, decide)).rejects.toBe(thrown);
    expect(told).not.toHaveBeenCalled();
  });

  test('refusals of a store that is well', async () => {
    const told = vi.fn();
    const store = guardStore(memory(), told);
    await expect(store.peek({ queue: 'none', limit: 1, bodies: false, now: 0 })).rejects.toMatchObject({
      code: 'queue-not-found',
    });
    await store.close();
    await expect(store.transact({ device: 'd' as DeviceId }, () => NO_CHANGE)).rejects.toMatchObject({
      code: 'shutting-down',
    });
    expect(told).not.toHaveBeenCalled();
  });
});

test('what the store answers goes through', async () => {
  const store = guardStore(memory(), vi.fn());
  expect(await store.transact({}, () => NO_CHANGE)).toBe('done');
  expect(await store.listQueues(0)).toEqual([]);
  expect(await store.getQueue('a', 0)).toBeUndefined();
  expect(await store.nextVisibleAt('a', 0)).toBeUndefined();
});

function memory(): GatewayStore {
  return openMemoryStore(createMemoryDisk('00000000-0000-4000-8000-000000000000' as GenerationId));
}
