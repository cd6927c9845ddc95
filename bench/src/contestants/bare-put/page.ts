import { type DeviceSettings, offerDevice } from '../../browser/device.ts';
import { committed, openStore, settled } from '../../browser/idb.ts';
import { makeOrders } from '../../orders.ts';

// The limit: the bytes of a message, ready before the clock starts, one put in one transaction.

let database: IDBDatabase;
let settings: DeviceSettings;

offerDevice({
  async open(given) {
    settings = given;
    database = await openStore('bare-put');
  },

  async saveOneByOne(first, count) {
    const bodies = encode(first, count);
    const startedAt = performance.now();
    for (const body of bodies) {
      const transaction = database.transaction('outbox', 'readwrite', { durability: settings.durability });
      transaction.objectStore('outbox').put(body);
      await committed(transaction);
    }
    return performance.now() - startedAt;
  },

  async saveAll(first, count) {
    const bodies = encode(first, count);
    const startedAt = performance.now();
    const transaction = database.transaction('outbox', 'readwrite', { durability: settings.durability });
    for (const body of bodies) transaction.objectStore('outbox').put(body);
    await committed(transaction);
    return performance.now() - startedAt;
  },

  async drain() {
    throw new Error('a bare put goes nowhere');
  },

  waiting: async () => settled(database.transaction('outbox').objectStore('outbox').count()),

  async close() {
    database.close();
  },
});

function encode(first: number, count: number): Uint8Array[] {
  const encoder = new TextEncoder();
  return makeOrders(settings.seed, count, first).map((order) => encoder.encode(JSON.stringify(order)));
}
