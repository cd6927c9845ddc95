import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type GatewayStore, openSqliteStore } from '@fieldpost/gateway/testing';
import {
  bytesFromUuid,
  type DeviceId,
  type EpochId,
  type MessageId,
  splitMessage,
  streamKeyText,
} from '@fieldpost/protocol';
import Database from 'better-sqlite3';

// How near the store's intake comes to a loop of bare inserts with the same durability: runs of 512 messages with
// bodies of 300 bytes from 8 devices, whose runs share a commit. Both write the same number of messages per commit.
//
//   node --conditions=@fieldpost/source test/measure-intake/main.ts [rounds]

const DEVICES = 8;
const RUN_MESSAGES = 512;
const BODY_BYTES = 300;
const COMMITS = 60;
const NOW = 1_800_000_000_000;

const rounds = Number(process.argv[2] ?? 7);
const results: { readonly bare: number; readonly store: number; readonly taken: number }[] = [];
for (let round = 0; round < rounds; round++) {
  const bare = inFolder((folder) => measureBare(folder));
  const { intake, taken } = await measureStore();
  results.push({ bare, store: intake, taken });
  print(
    `round ${round + 1}: bare ${count(bare)}/s, store ${count(intake)}/s, ratio ${(intake / bare).toFixed(2)}; receive + ack ${count(taken)}/s`,
  );
}
const ratio = median(results.map(({ bare, store }) => store / bare));
print(
  `median: bare ${count(median(results.map(({ bare }) => bare)))}/s, store ${count(median(results.map(({ store }) => store)))}/s, ratio ${ratio.toFixed(2)}; receive + ack ${count(median(results.map(({ taken }) => taken)))}/s`,
);

function measureBare(folder: string): number {
  const database = new Database(join(folder, 'bare.db'));
  database.pragma('page_size = 8192');
  database.pragma('locking_mode = EXCLUSIVE');
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  database.pragma('cache_size = -65536');
  database.pragma('wal_autocheckpoint = 2048');
  database.exec('CREATE TABLE messages (key INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT');
  const insert = database.prepare('INSERT INTO messages (body) VALUES (?)');
  const begin = database.prepare('BEGIN IMMEDIATE');
  const commit = database.prepare('COMMIT');
  const body = new Uint8Array(BODY_BYTES).fill(120);
  const startedAt = performance.now();
  for (let transaction = 0; transaction < COMMITS; transaction++) {
    begin.run();
    for (let message = 0; message < DEVICES * RUN_MESSAGES; message++) insert.run(body);
    commit.run();
  }
  const perSecond = (COMMITS * DEVICES * RUN_MESSAGES * 1000) / (performance.now() - startedAt);
  database.close();
  return perSecond;
}

async function measureStore(): Promise<{ intake: number; taken: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'fieldpost-measure-'));
  const store = await openSqliteStore({ file: join(folder, 'gateway.db') });
  try {
    await store.transact({}, () => ({
      changes: [{ type: 'put-queue', row: { name: 'orders', maxBodyBytes: 1e6, createdAt: NOW } }],
      result: undefined,
    }));
    const frame = runFrame();
    const startedAt = performance.now();
    for (let transaction = 0; transaction < COMMITS; transaction++) {
      await Promise.all(Array.from({ length: DEVICES }, (_, device) => takeRun(store, device, frame)));
    }
    const intake = (COMMITS * DEVICES * RUN_MESSAGES * 1000) / (performance.now() - startedAt);
    return { intake, taken: await measureTaking(store) };
  } finally {
    await store.close();
    rmSync(folder, { recursive: true });
  }
}

/** Receives 256 at a time and acknowledges them, one consumer. */
async function measureTaking(store: GatewayStore): Promise<number> {
  const total = 40 * 256;
  const startedAt = performance.now();
  for (let taken = 0; taken < total; taken += 256) {
    const leaseTokens = Array.from({ length: 256 }, (_, index) => `${taken + index}`);
    const messages = await store.receive({
      queue: 'orders',
      max: 256,
      leaseMs: 30_000,
      now: NOW,
      leaseTokens,
    });
    await store.settle({
      queue: 'orders',
      settlements: messages.map(({ receipt }) => ({ type: 'ack', receipt })),
      now: NOW,
    });
  }
  return (total * 1000) / (performance.now() - startedAt);
}

/** One run's messages as they lie in a frame. */
function runFrame(): Uint8Array[] {
  const frame = new Uint8Array(RUN_MESSAGES * (18 + BODY_BYTES)).fill(120);
  return Array.from({ length: RUN_MESSAGES }, (_, index) => {
    const message = frame.subarray(index * (18 + BODY_BYTES), (index + 1) * (18 + BODY_BYTES));
    message.set(bytesFromUuid(messageId(index)), 0);
    message.fill(0, 16, 18);
    return message;
  });
}

async function takeRun(
  store: GatewayStore,
  deviceNumber: number,
  frame: readonly Uint8Array[],
): Promise<void> {
  const device = `00000000-0000-4000-8000-${deviceNumber.toString(16).padStart(12, '0')}` as DeviceId;
  const epoch = deviceNumber.toString(16).padStart(32, '0') as EpochId;
  const stream = { epoch, queue: 'orders', priority: 3 };
  await store.transact(
    { device, epochs: [epoch], streams: [{ key: stream, since: 0 }], queues: ['orders'] },
    ({ streams }) => {
      const from = streams.get(streamKeyText(stream))?.accepted ?? 0;
      const messages = frame.map((bytes, index) => {
        const origin = { device, epoch, number: from + index + 1 };
        return { ...splitMessage(bytes), priority: 3, sentAt: NOW, arrivedAt: NOW, origin };
      });
      const to = from + messages.length;
      return {
        changes: [
          { type: 'append', queue: 'orders', messages },
          { type: 'advance', stream, from, to, id: messageId(to) },
        ],
        result: undefined,
      };
    },
  );
}

function messageId(number: number): MessageId {
  return `01890000-0000-7000-8000-${number.toString(16).padStart(12, '0')}` as MessageId;
}

function inFolder<Result>(work: (folder: string) => Result): Result {
  const folder = mkdtempSync(join(tmpdir(), 'fieldpost-measure-'));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function count(perSecond: number): string {
  return Math.round(perSecond).toLocaleString('en');
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
