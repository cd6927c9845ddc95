import { createIndexedDbOutboxStore } from '@fieldpost/sdk';
import type { OutboxPlace } from '@fieldpost/sdk/testing/suites';
import { IndexedDbFaults } from './indexeddb-faults.ts';

/** A database of its own in this browser, with a fault for any operation. */
export function indexedDbPlace(): OutboxPlace {
  const name = `outbox-${crypto.randomUUID()}`;
  const faults = new IndexedDbFaults();
  return {
    handle: () => createIndexedDbOutboxStore({ name, openTimeoutMs: 20_000 }),
    faults,
    damage: (position) => damageSegment(name, position),
    remove: () => {
      faults.remove();
      return ended(indexedDB.deleteDatabase(name)).then(() => undefined);
    },
  };
}

/** Turns one bit of a segment's messages. */
async function damageSegment(name: string, position: number): Promise<void> {
  const db = await ended(indexedDB.open(name));
  const segments = db.transaction('segments', 'readwrite').objectStore('segments');
  for (const key of await ended(segments.getAllKeys())) {
    if (!(key instanceof ArrayBuffer) || Number(new DataView(key).getBigUint64(0)) !== position) continue;
    const value: unknown = await ended(segments.get(key));
    if (typeof value !== 'object' || value === null || !('messages' in value)) continue;
    if (!(value.messages instanceof Uint8Array)) continue;
    const at = value.messages.length >> 1;
    value.messages[at] = (value.messages[at] ?? 0) ^ 1;
    await ended(segments.put(value, key));
  }
  db.close();
}

function ended<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result));
    request.addEventListener('error', () => reject(request.error ?? new Error('failed')));
  });
}
