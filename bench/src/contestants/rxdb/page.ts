import { createRxDatabase, type RxCollection, type RxDatabase } from 'rxdb';
import { replicateRxCollection } from 'rxdb/plugins/replication';
import { getRxStorageDexie } from 'rxdb/plugins/storage-dexie';
import { type DeviceSettings, offerDevice } from '../../browser/device.ts';
import { makeOrders } from '../../orders.ts';

// RxDB with its free storage for browsers and its push replication, set up as its documentation says: no dev mode, one
// instance, push only, `bulkInsert` for many.

const schema = {
  version: 0,
  primaryKey: 'id',
  type: 'object',
  properties: {
    id: { type: 'string', maxLength: 36 },
    customer: { type: 'string' },
    rep: { type: 'string' },
    takenAt: { type: 'string' },
    lines: { type: 'array', items: { type: 'object' } },
    note: { type: 'string' },
  },
  required: ['id'],
};

let database: RxDatabase;
let collection: RxCollection;
let settings: DeviceSettings;

offerDevice({
  async open(given) {
    settings = given;
    database = await createRxDatabase({
      name: 'bench',
      storage: getRxStorageDexie(),
      multiInstance: false,
      eventReduce: true,
    });
    const collections = await database.addCollections({ orders: { schema } });
    collection = collections['orders'] ?? fail('no collection');
  },

  async saveOneByOne(first, count) {
    const orders = makeOrders(settings.seed, count, first);
    const startedAt = performance.now();
    for (const order of orders) await collection.insert(order);
    return performance.now() - startedAt;
  },

  async saveAll(first, count) {
    const orders = makeOrders(settings.seed, count, first);
    const startedAt = performance.now();
    const { error } = await collection.bulkInsert(orders);
    if (error.length > 0) fail(`${error.length} of ${count} orders were not inserted`);
    return performance.now() - startedAt;
  },

  async drain(given) {
    const startedAt = performance.now();
    await this.open(given);
    const replication = replicateRxCollection({
      replicationIdentifier: 'bench-http',
      collection,
      live: false,
      waitForLeadership: false,
      push: { batchSize: settings.batch, handler: push },
    });
    await replication.awaitInitialReplication();
    return performance.now() - startedAt;
  },

  // The documents are the data here, and stay; what was not sent shows at the server.
  waiting: async () => 0,

  async close() {
    await database.close();
  },
});

async function push(rows: readonly unknown[]): Promise<[]> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch('/push', { method: 'POST', headers, body: JSON.stringify(rows) });
  if (!response.ok) fail(`POST /push answered ${response.status}`);
  return (await response.json()) as [];
}

function fail(reason: string): never {
  throw new Error(reason);
}
