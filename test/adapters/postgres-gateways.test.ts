import { newQueueRow } from '@fieldpost/gateway/testing';
import { connectPostgres, type GatewayStore, type NewMessage } from '@fieldpost/gateway/testing/suites';
import {
  bytesFromUuid,
  type DeviceId,
  type EpochId,
  type MessageId,
  type SessionNonce,
  type StreamKey,
  streamKeyText,
} from '@fieldpost/protocol';
import { Client } from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { putBetween } from '../support/postgres/put-between.ts';
import { createPostgresStoreHarness, type PostgresStoreHarness } from './postgres-store-harness.ts';

/** Several gateways' stores on one database at the same time: what the suite, with one store, cannot show. */
const NOW = 1_800_000_000_000;
const STORES = 3;

let harness: PostgresStoreHarness;
let stores: GatewayStore[];

beforeEach(async () => {
  harness = await createPostgresStoreHarness();
  stores = await Promise.all(Array.from({ length: STORES }, () => harness.open()));
  await write(0, { type: 'put-queue', row: queue('orders') });
});

afterEach(async () => {
  await Promise.all(stores.map((store) => store.close()));
  await harness.dispose();
});

type Change = Parameters<GatewayStore['transact']>[1] extends (snapshot: never) => {
  changes: readonly (infer One)[];
}
  ? One
  : never;

function queue(
  name: string,
  settings: Parameters<typeof newQueueRow>[2] = {},
): ReturnType<typeof newQueueRow> {
  return newQueueRow(name, NOW, { maxDeliveries: 1000, retryDelaysMs: [], ...settings });
}

function at(index: number): GatewayStore {
  const store = stores[index % STORES];
  if (store === undefined) throw new Error(`no store ${index}`);
  return store;
}

function write(index: number, ...changes: Change[]): Promise<undefined> {
  return at(index).transact({}, () => ({ changes, result: undefined }));
}

function messageId(number: number): MessageId {
  return `01890000-0000-7000-8000-${number.toString(16).padStart(12, '0')}` as MessageId;
}

function message(number: number, terms?: NewMessage['terms']): NewMessage {
  return {
    id: bytesFromUuid(messageId(number)),
    properties: new Uint8Array([0x80]),
    body: new TextEncoder().encode(String(number)),
    priority: 3,
    sentAt: NOW,
    arrivedAt: NOW,
    ...(terms === undefined ? {} : { terms }),
  };
}

function numberOf({ id }: { readonly id: MessageId }): number {
  return Number.parseInt(id.slice(24), 16);
}

let tokens = 0;

function receive(index: number, max: number, now = NOW): ReturnType<GatewayStore['receive']> {
  const leaseTokens = Array.from({ length: max }, () => `token-${++tokens}`);
  return at(index).receive({ queue: 'orders', max, leaseMs: 30_000, now, leaseTokens });
}

const STREAM: StreamKey = { epoch: 'e'.repeat(32) as EpochId, queue: 'orders', priority: 3 };

/** Accepts the next number of the stream, whatever it is. */
function pushNext(index: number): Promise<number> {
  return at(index).transact({ streams: [{ key: STREAM, since: 0 }] }, ({ streams }) => {
    const from = streams.get(streamKeyText(STREAM))?.accepted ?? 0;
    const number = from + 1;
    return {
      changes: [
        { type: 'append', queue: 'orders', messages: [message(number)] },
        { type: 'advance', stream: STREAM, from, to: number, id: messageId(number) },
      ],
      result: number,
    };
  });
}

test('gateways that start together on an empty database make one schema and one generation', async () => {
  await harness.database.query('DROP SCHEMA fieldpost CASCADE');
  const opened = await Promise.all(Array.from({ length: 6 }, () => harness.open()));
  expect(new Set(opened.map(({ generation }) => generation)).size).toBe(1);
  await Promise.all(opened.map((store) => store.close()));
});

test('a stream advanced by three gateways at once has each number once, and each message once', async () => {
  const accepted = await Promise.all(Array.from({ length: 60 }, (_, index) => pushNext(index)));
  expect(accepted.toSorted((one, other) => one - other)).toEqual(
    Array.from({ length: 60 }, (_, index) => index + 1),
  );
  const { messages } = await at(0).peek({ queue: 'orders', limit: 100, bodies: false, now: NOW });
  expect(messages.map(numberOf)).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
});

test('hellos of one device at three gateways raise its session one after the other', async () => {
  const device = '00000000-0000-4000-8000-000000000001' as DeviceId;
  const hello = (index: number): Promise<number> =>
    at(index).transact({ device }, ({ device: known }) => {
      const session = { number: (known?.session.number ?? 0) + 1, nonce: '0011223344556677' as SessionNonce };
      const row = { ...NEW_DEVICE, device, session };
      return { changes: [{ type: 'put-device', row }], result: session.number };
    });
  const sessions = await Promise.all(Array.from({ length: 30 }, (_, index) => hello(index)));
  expect(sessions.toSorted((one, other) => one - other)).toEqual(
    Array.from({ length: 30 }, (_, index) => index + 1),
  );
});

const NEW_DEVICE = {
  subject: 'rep',
  opening: '',
  revoked: false,
  client: 'test',
  firstSeenAt: NOW,
  lastSeenAt: NOW,
  waitingMessages: 0,
  forks: 0,
};

test('of three gateways that advance a stream from the same mark without looking, one does', async () => {
  const advance = (index: number): Promise<undefined> =>
    write(
      index,
      { type: 'append', queue: 'orders', messages: [message(index + 1)] },
      { type: 'advance', stream: STREAM, from: 0, to: 1, id: messageId(index + 1) },
    );
  const outcomes = await Promise.allSettled([0, 1, 2].map(advance));
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  for (const outcome of outcomes)
    if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'conflict' });
  expect(await at(0).getQueue('orders', NOW)).toMatchObject({ ready: 1 });
});

test('competing consumers at three gateways have no message twice, and leave none', async () => {
  const total = 600;
  await write(0, {
    type: 'append',
    queue: 'orders',
    messages: Array.from({ length: total }, (_, index) => message(index + 1)),
  });
  const taken: number[] = [];
  const consume = async (index: number): Promise<void> => {
    for (;;) {
      const leased = await receive(index, 7);
      if (leased.length === 0 && (await at(index).getQueue('orders', NOW))?.ready === 0) return;
      taken.push(...leased.map(numberOf));
      const settlements = leased.map(({ receipt }) => ({ type: 'ack' as const, receipt }));
      const results = await at(index + 1).settle({ queue: 'orders', settlements, now: NOW });
      expect(results.every(({ code }) => code === undefined)).toBe(true);
    }
  };
  await Promise.all(Array.from({ length: 9 }, (_, index) => consume(index)));
  expect(taken.toSorted((one, other) => one - other)).toEqual(
    Array.from({ length: total }, (_, index) => index + 1),
  );
  expect(await at(2).getQueue('orders', NOW)).toMatchObject({ ready: 0, leased: 0, bytes: 0 });
});

test('a message that was leased between the look and the lock of another gateway is not leased again', async () => {
  await write(0, { type: 'append', queue: 'orders', messages: [message(1), message(2)] });
  // The look stands still once it has begun, so that it sees nothing of what is committed meanwhile.
  const slow = await harness.openWith({
    connect: async () => {
      const connection = await connectPostgres(harness.database.url);
      return putBetween(connection, {
        run: ({ name, text }, values) => connection.run({ name, text: standStill(text) }, values),
      });
    },
  });
  const leaseTokens = ['slow-1', 'slow-2'];
  const gate = new Client({ connectionString: harness.database.url });
  await gate.connect();
  await gate.query(`SELECT pg_advisory_lock(${GATE})`);
  const looking = slow.receive({ queue: 'orders', max: 2, leaseMs: 30_000, now: NOW, leaseTokens });
  let first: Awaited<ReturnType<typeof receive>>[number] | undefined;
  try {
    await expect
      .poll(() =>
        harness.database.query("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"),
      )
      .toHaveLength(1);
    [first] = await receive(1, 1);
  } finally {
    await gate.end();
  }
  expect((await looking).map(numberOf)).toEqual([2]);
  const settlements = [{ type: 'ack' as const, receipt: first?.receipt ?? '' }];
  expect(await at(2).settle({ queue: 'orders', settlements, now: NOW })).toEqual([
    { receipt: first?.receipt },
  ]);
  await slow.close();
});

/** Held by a test, it keeps a statement between its snapshot and its first row. */
const GATE = 4711;

/** The statement that looks for messages, with a gate between its snapshot and its first row. */
function standStill(text: string): string {
  if (!text.includes('SKIP LOCKED') || !text.includes('AS deliveries')) return text;
  return text.replace(
    'FROM fieldpost.messages',
    `FROM (SELECT pg_advisory_xact_lock_shared(${GATE}) OFFSET 0) AS gate CROSS JOIN fieldpost.messages`,
  );
}

test('a lease that another gateway took over is lost, whichever gateway is asked', async () => {
  await write(0, { type: 'append', queue: 'orders', messages: [message(1)] });
  const [first] = await receive(0, 1);
  const [second] = await receive(1, 1, NOW + 30_000);
  const ack = (index: number, receipt: string | undefined): ReturnType<GatewayStore['settle']> =>
    at(index).settle({
      queue: 'orders',
      settlements: [{ type: 'ack', receipt: receipt ?? '' }],
      now: NOW + 30_000,
    });
  for (const index of [0, 1, 2])
    expect(await ack(index, first?.receipt)).toMatchObject([{ code: 'lease-lost' }]);
  expect(await ack(2, second?.receipt)).toEqual([{ receipt: second?.receipt }]);
});

test('a quota is not exceeded by senders at three gateways', async () => {
  await write(0, { type: 'put-queue', row: queue('orders', { quotaMessages: 10 }) });
  const send = (index: number): Promise<boolean> =>
    at(index).transact({ queues: ['orders'] }, ({ usage }) => {
      const isRoom = (usage.get('orders')?.messages ?? 0) < 10;
      return {
        changes: isRoom ? [{ type: 'append', queue: 'orders', messages: [message(index + 1)] }] : [],
        result: isRoom,
      };
    });
  const sent = await Promise.all(Array.from({ length: 45 }, (_, index) => send(index)));
  expect(sent.filter(Boolean)).toHaveLength(10);
  const [one] = await receive(0, 1);
  await at(1).settle({
    queue: 'orders',
    settlements: [{ type: 'ack', receipt: one?.receipt ?? '' }],
    now: NOW,
  });
  expect(await send(100)).toBe(true);
  expect(await send(101)).toBe(false);
});

test('a group is handed out one message at a time while gateways add to it and take from it', async () => {
  const total = 40;
  const add = async (): Promise<void> => {
    for (let number = 1; number <= total; number++)
      await write(number, { type: 'append', queue: 'orders', messages: [message(number, { groupId: 'a' })] });
  };
  const taken: number[] = [];
  const consume = async (index: number): Promise<void> => {
    while (taken.length < total) {
      const leased = await receive(index, 3);
      expect(leased.length).toBeLessThanOrEqual(1);
      taken.push(...leased.map(numberOf));
      const settlements = leased.map(({ receipt }) => ({ type: 'ack' as const, receipt }));
      await at(index).settle({ queue: 'orders', settlements, now: NOW });
    }
  };
  await Promise.all([add(), consume(1), consume(2)]);
  expect(taken).toEqual(Array.from({ length: total }, (_, index) => index + 1));
});

test('dead letters come and go at three gateways, and the counts stay right', async () => {
  const messages = Array.from({ length: 60 }, (_, index) => message(index + 1));
  await write(0, { type: 'append', queue: 'orders', messages });
  const reject = async (index: number): Promise<void> => {
    for (let leased = await receive(index, 5); leased.length > 0; leased = await receive(index, 5)) {
      const settlements = leased.map(({ receipt }) => ({ type: 'reject' as const, receipt }));
      await at(index).settle({ queue: 'orders', settlements, now: NOW });
    }
  };
  await Promise.all([reject(0), reject(1), reject(2)]);
  expect(await at(0).getQueue('orders;dead-letter', NOW)).toMatchObject({ ready: 60 });
  const queues = await at(1).listQueues(NOW);
  expect(queues.map(({ name, ready }) => [name, ready])).toEqual([
    ['orders', 0],
    ['orders;dead-letter', 60],
  ]);
});

test('a database that would lose commits is refused', async () => {
  const [row] = await harness.database.query('SELECT current_database() AS name');
  await harness.database.query(`ALTER DATABASE ${String(row?.['name'])} SET synchronous_commit = off`);
  try {
    await expect(harness.open()).rejects.toMatchObject({ name: 'StoreError', code: 'storage-unsafe' });
  } finally {
    await harness.database.query(`ALTER DATABASE ${String(row?.['name'])} RESET synchronous_commit`);
  }
});

test('a store on restored data is another generation, and remembers the one it was', async () => {
  const before = at(0).generation;
  await harness.database.query(
    "UPDATE fieldpost.meta SET value = 'another server' WHERE name = 'incarnation'",
  );
  const generations = await at(1).transact({}, (snapshot) => ({ changes: [], result: snapshot.generations }));
  expect(generations.current).not.toBe(before);
  expect([...generations.former]).toEqual([before]);
  expect(generations.mintedIn).toBe(generations.opening);
  await write(2);
  expect(at(2).generation).toBe(generations.current);
});

test('a release that does not know a breaking migration does not start', async () => {
  await harness.database.query("INSERT INTO fieldpost.migrations VALUES (99, 'from-the-future', true)");
  await expect(harness.open()).rejects.toMatchObject({ name: 'StoreError', code: 'schema-too-new' });
});
