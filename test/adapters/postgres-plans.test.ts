import { newQueueRow } from '@fieldpost/gateway/testing';
import {
  connectPostgres,
  type GatewayStore,
  type PostgresConnection,
} from '@fieldpost/gateway/testing/suites';
import {
  bytesFromUuid,
  type DeviceId,
  type EpochId,
  type MessageId,
  type SessionNonce,
  type StreamKey,
} from '@fieldpost/protocol';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { putBetween } from '../support/postgres/put-between.ts';
import { createPostgresStoreHarness, type PostgresStoreHarness } from './postgres-store-harness.ts';

/** Every statement that a store sends is held to this: with a million messages it finds its rows by an index. */
const MESSAGES = 1_000_000;
const NOW = 1_800_000_000_000;

const FILL = `
  INSERT INTO fieldpost.messages (key, sent_at, arrived_at, number, epoch, device, head, body)
    SELECT (SELECT number FROM fieldpost.queues WHERE name = 'orders') * 2::bigint ^ 41 + 4 * 2::bigint ^ 38 + n,
           ${NOW}, ${NOW}, n, md5((n / 1000)::text)::uuid, md5((n / 1000)::text)::uuid,
           decode('0123456789abcdef0123456789abcdef000180', 'hex'), 'body'
    FROM generate_series(1, ${MESSAGES}) AS n;
  UPDATE fieldpost.queues SET arrivals = ${MESSAGES}, messages = ${MESSAGES}, bytes = ${5 * MESSAGES} WHERE name = 'orders';
  INSERT INTO fieldpost.holds (key, until, visible_at, deliveries)
    SELECT key, ${NOW + 1e9}, ${NOW + 1e9}, 1 FROM fieldpost.messages ORDER BY key OFFSET 5000 LIMIT 50000;
  INSERT INTO fieldpost.dues (key, kind, at) SELECT key, 0, ${NOW + 1e9} FROM fieldpost.holds;
  INSERT INTO fieldpost.members (key, name, visible_at) SELECT key, md5((key % 900)::text), 0 FROM fieldpost.holds;
  INSERT INTO fieldpost.stories (key, story) SELECT key, '{}' FROM fieldpost.holds;
  INSERT INTO fieldpost.asks (key, device, id) SELECT key, md5(key::text)::uuid, md5(key::text)::uuid FROM fieldpost.holds;
  INSERT INTO fieldpost.devices
    SELECT md5(n::text)::uuid, 'rep', 1, 'nonce', '', NULL, NULL, false, 'c', 0, 0, 0, 0, NULL FROM generate_series(1, 50000) AS n;
  INSERT INTO fieldpost.epochs SELECT device, 'rep', 5 FROM fieldpost.devices;
  INSERT INTO fieldpost.streams SELECT device, 'orders', 3, 9, device FROM fieldpost.devices;
  INSERT INTO fieldpost.fates SELECT device, 'orders', 3, 4, 'refuse', device, 'bad-message' FROM fieldpost.devices;
  INSERT INTO fieldpost.lost SELECT device, 'orders', 3, 1, 2, device, 0 FROM fieldpost.devices;
  INSERT INTO fieldpost.retired SELECT md5('r' || n)::uuid FROM generate_series(1, 50000) AS n;
  INSERT INTO fieldpost.sends SELECT 0, device, '', 5 FROM fieldpost.devices;
  INSERT INTO fieldpost.notices SELECT device, 1, device, 'received', NULL, 5 FROM fieldpost.devices;
  INSERT INTO fieldpost.notice_counters SELECT device, 1 FROM fieldpost.devices`;

/** What a look from the beginning to the end may go through: these have a row for each queue or job, or hardly any. */
const SMALL = [
  'queues',
  'removals',
  'emptying',
  'jobs',
  'meta',
  'former_generations',
  'retiring',
  'migrations',
];
/** Once for each opening, and when the clock is set back, every hold is looked at. */
const EXEMPT = new Set(['long-holds-find']);

test(
  'no statement goes through a large table, whether PostgreSQL knows its size or not',
  { timeout: 300_000 },
  async () => {
    const harness = await createPostgresStoreHarness();
    const seen = new Map<string, Seen>();
    const store = await harness.openWith({
      connect: async () => watch(await connectPostgres(harness.database.url), seen),
    });
    try {
      await write(store, {
        type: 'put-queue',
        row: newQueueRow('orders', NOW, { quotaMessages: 9_000_000, journal: true }),
      });
      await write(store, { type: 'put-queue', row: newQueueRow('visits', NOW) });
      await harness.database.query(FILL);
      await useEverything(store);
      expect(seen.size).toBeGreaterThan(50);
      // As for tables that nobody has looked at yet; then with everything known.
      const unknown = await scansOf(harness, [...seen.values()]);
      await harness.database.query('ANALYZE');
      const known = await scansOf(harness, [...seen.values()]);
      expect([...unknown, ...known]).toEqual([]);
    } finally {
      await store.close();
      await harness.dispose();
    }
  },
);

/** A statement, and what its transaction had set. */
interface Seen {
  readonly name: string;
  readonly text: string;
  readonly begin: string | undefined;
}

function watch(connection: PostgresConnection, seen: Map<string, Seen>): PostgresConnection {
  let begin: string | undefined;
  return putBetween(connection, {
    run(statement, values) {
      seen.set(statement.name, { ...statement, begin });
      return connection.run(statement, values);
    },
    execute(text) {
      begin = text.startsWith('BEGIN; SET') ? text : undefined;
      return connection.execute(text);
    },
  });
}

/** Looks from beginning to end at tables that may be large. */
async function scansOf(harness: PostgresStoreHarness, statements: readonly Seen[]): Promise<string[]> {
  const client = new Client({ connectionString: harness.database.url });
  await client.connect();
  const scans: string[] = [];
  try {
    for (const { name, text, begin } of statements) {
      if (EXEMPT.has(name)) continue;
      await client.query(begin ?? 'BEGIN');
      const { rows } = await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN (GENERIC_PLAN) ${text}`);
      for (const { 'QUERY PLAN': line } of rows) {
        const table = /Seq Scan on (\w+)/.exec(line)?.[1];
        if (table !== undefined && !SMALL.includes(table)) scans.push(`${name}: ${line.trim()}`);
      }
      await client.query('ROLLBACK');
    }
  } finally {
    await client.end();
  }
  return scans;
}

type Change = ReturnType<Parameters<GatewayStore['transact']>[1]>['changes'][number];

function write(store: GatewayStore, ...changes: Change[]): Promise<undefined> {
  return store.transact({}, () => ({ changes, result: undefined }));
}

const DEVICE = '00000000-0000-4000-8000-000000000001' as DeviceId;
const EPOCH = 'f'.repeat(32) as EpochId;
const STREAM: StreamKey = { epoch: EPOCH, queue: 'visits', priority: 3 };
const ID = '01890000-0000-7000-8000-000000000001' as MessageId;

/** Calls the store in every way, so that every statement is sent. */
async function useEverything(store: GatewayStore): Promise<void> {
  const message = {
    id: bytesFromUuid(ID),
    properties: new Uint8Array([0x80]),
    body: new Uint8Array(9),
    priority: 3,
    sentAt: NOW,
    arrivedAt: NOW,
    origin: { device: DEVICE, epoch: EPOCH, number: 1 },
    terms: { groupId: 'a', expiresAt: NOW + 50, visibleAt: NOW + 1, tellsFate: true },
  } as const;
  const row = {
    device: DEVICE,
    subject: 'rep',
    session: { number: 1, nonce: '0011223344556677' as SessionNonce },
    opening: '',
    revoked: false,
    client: 'test',
    firstSeenAt: 0,
    lastSeenAt: 0,
    waitingMessages: 0,
    forks: 0,
  };
  const scope = {
    device: DEVICE,
    epochs: [EPOCH],
    streams: [{ key: STREAM, since: 0 }],
    queues: ['orders', 'visits'],
    sends: [{ queue: 'visits', id: ID }],
    notices: { after: { number: 1, id: ID }, max: 9 },
    leases: { now: NOW, receipts: [{ queue: 'orders', receipt: '1.token' }] },
  };
  const range = { first: 1, last: 1, device: DEVICE, recordedAt: NOW };
  const changes = (from: number): Change[] => [
    { type: 'put-device', row },
    { type: 'put-epoch', row: { epoch: EPOCH, subject: 'rep', closedAt: NOW } },
    { type: 'refuse', stream: STREAM, fate: { number: from + 1, id: ID, code: 'too-large' } },
    { type: 'put-lost', stream: STREAM, range },
    { type: 'remove-lost', stream: STREAM, first: 1 },
    {
      type: 'append',
      queue: 'visits',
      messages: [message, message, { ...message, terms: { tellsFate: true } }],
    },
    { type: 'advance', stream: STREAM, from, to: from + 1, id: ID },
    { type: 'put-send', queue: 'visits', row: { id: ID, contentHash: new Uint8Array(32), sentAt: 1 } },
    { type: 'confirm-notices', device: DEVICE, upTo: 1 },
  ];
  for (const from of [0, 1])
    await store.transact(scope, () => ({ changes: changes(from), result: undefined }));
  for (const queue of ['orders', 'visits']) await handOut(store, queue);
  await store.sweep(NOW + 60);
  await store.peek({ queue: 'orders', limit: 10, bodies: true, now: NOW });
  await store.peek({ queue: 'visits', limit: 10, bodies: true, match: { id: ID }, scanMax: 5, now: NOW });
  await store.listQueues(NOW);
  await store.nextVisibleAt('orders', NOW);
  await store.listDevices({ limit: 10 });
  await store.listLost({ limit: 10 });
  const job = { id: 'job', kind: 'move', queue: 'orders', target: 'visits', filter: {}, now: NOW } as const;
  await store.startJob(job);
  await store.stepJob({ id: 'job', max: 5, now: NOW });
  await store.cancelJob('job', NOW);
  await store.listJobs();
  await store.retireEpochs({ closedBefore: 9, rowsMax: 50 });
  await store.retireEpochs({ closedBefore: 9, rowsMax: 50 });
  await store.pruneSends(9, 10);
  await store.pruneNotices(9, 10);
  await write(store, { type: 'delete-queue', name: 'visits', at: NOW });
  await store.sweep(NOW + 61);
}

async function handOut(store: GatewayStore, queue: string): Promise<void> {
  const leaseTokens = ['a', 'b', 'c', 'd'].map((token) => queue + token);
  const leased = await store.receive({
    queue,
    max: 4,
    leaseMs: 1000,
    now: NOW + 2,
    leaseTokens,
    consumer: 'anna',
  });
  const kinds = ['ack', 'reject', 'release', 'extend'] as const;
  await store.settle({
    queue,
    now: NOW + 2,
    settlements: leased.map(({ receipt }, index) => {
      const type = kinds[index] ?? 'ack';
      return type === 'extend' ? { type, receipt, leaseMs: 500 } : { type, receipt };
    }),
  });
}
