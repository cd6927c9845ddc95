import { createIndexedDbOutboxStore } from '@fieldpost/sdk';
import type { OutboxPlace } from '@fieldpost/sdk/testing/suites';
import { IndexedDbFaults } from './indexeddb-faults.ts';
import { ended, putValue, segmentsIn } from './indexeddb-raw.ts';

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
  for (const { key, value } of await segmentsIn(name)) {
    if (!(key instanceof ArrayBuffer) || Number(new DataView(key).getBigUint64(0)) !== position) continue;
    if (typeof value !== 'object' || value === null || !('messages' in value)) continue;
    if (!(value.messages instanceof Uint8Array)) continue;
    const at = value.messages.length >> 1;
    value.messages[at] = (value.messages[at] ?? 0) ^ 1;
    await putValue(name, 'segments', value, key);
  }
}
