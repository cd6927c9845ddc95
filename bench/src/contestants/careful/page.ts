import { type DeviceSettings, offerDevice } from '../../browser/device.ts';
import { committed, openStore, settled } from '../../browser/idb.ts';
import { makeOrders, type Order } from '../../orders.ts';

// What somebody writes who has done it before: many records per transaction, many messages per POST, ids that the server
// checks, one range delete per answer.

let database: IDBDatabase;
let settings: DeviceSettings;

offerDevice({
  async open(given) {
    settings = given;
    database = await openStore('careful');
  },

  async saveOneByOne(first, count) {
    const orders = makeOrders(settings.seed, count, first);
    const startedAt = performance.now();
    for (const order of orders) await save([order]);
    return performance.now() - startedAt;
  },

  async saveAll(first, count) {
    const orders = makeOrders(settings.seed, count, first);
    const startedAt = performance.now();
    await save(orders);
    return performance.now() - startedAt;
  },

  async drain(given) {
    const startedAt = performance.now();
    await this.open(given);
    for (;;) {
      const store = database.transaction('outbox').objectStore('outbox');
      const [keys, orders] = await Promise.all([
        settled(store.getAllKeys(null, settings.batch)),
        settled<unknown[]>(store.getAll(null, settings.batch)),
      ]);
      const last = keys.at(-1);
      if (last === undefined) return performance.now() - startedAt;
      const headers = { 'content-type': 'application/json' };
      const response = await fetch('/orders', { method: 'POST', headers, body: JSON.stringify(orders) });
      if (!response.ok) throw new Error(`POST /orders answered ${response.status}`);
      await removeUpTo(last);
    }
  },

  waiting: async () => settled(database.transaction('outbox').objectStore('outbox').count()),

  async close() {
    database.close();
  },
});

async function save(orders: readonly Order[]): Promise<void> {
  const transaction = database.transaction('outbox', 'readwrite', { durability: settings.durability });
  const store = transaction.objectStore('outbox');
  for (const order of orders) store.put(order);
  await committed(transaction);
}

async function removeUpTo(last: IDBValidKey): Promise<void> {
  const transaction = database.transaction('outbox', 'readwrite', { durability: settings.durability });
  transaction.objectStore('outbox').delete(IDBKeyRange.upperBound(last));
  await committed(transaction);
}
