import { type DeviceSettings, offerDevice } from '../../browser/device.ts';
import { committed, openStore, settled } from '../../browser/idb.ts';
import { makeOrders, type Order } from '../../orders.ts';

// What is written in an afternoon: one record per message, one POST per message, removed when the answer is 200.

let database: IDBDatabase;
let settings: DeviceSettings;

offerDevice({
  async open(given) {
    settings = given;
    database = await openStore('hand-written');
  },

  async saveOneByOne(first, count) {
    const orders = makeOrders(settings.seed, count, first);
    const startedAt = performance.now();
    for (const order of orders) await save(order);
    return performance.now() - startedAt;
  },

  async saveAll(first, count) {
    const orders = makeOrders(settings.seed, count, first);
    const startedAt = performance.now();
    await Promise.all(orders.map(save));
    return performance.now() - startedAt;
  },

  async drain(given) {
    const startedAt = performance.now();
    await this.open(given);
    const store = database.transaction('outbox').objectStore('outbox');
    const [keys, orders] = await Promise.all([
      settled(store.getAllKeys()),
      settled<unknown[]>(store.getAll()),
    ]);
    for (const [index, order] of orders.entries()) {
      const headers = { 'content-type': 'application/json' };
      const response = await fetch('/orders', { method: 'POST', headers, body: JSON.stringify(order) });
      if (!response.ok) throw new Error(`POST /orders answered ${response.status}`);
      await remove(keys[index]);
    }
    return performance.now() - startedAt;
  },

  waiting: async () => settled(database.transaction('outbox').objectStore('outbox').count()),

  async close() {
    database.close();
  },
});

async function save(order: Order): Promise<void> {
  const transaction = database.transaction('outbox', 'readwrite', { durability: settings.durability });
  transaction.objectStore('outbox').put(order);
  await committed(transaction);
}

async function remove(key: IDBValidKey | undefined): Promise<void> {
  if (key === undefined) throw new Error('a record without a key');
  const transaction = database.transaction('outbox', 'readwrite', { durability: settings.durability });
  transaction.objectStore('outbox').delete(key);
  await committed(transaction);
}
