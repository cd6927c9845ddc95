import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type GatewayStore, newQueueRow, openSqliteStore } from '@fieldpost/gateway/testing';
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
const TAKEN = 200 * 256;
const NOW = 1_800_000_000_000;

/** How fast something went, and how much of the processor it took: the latter says more on a busy machine. */
interface Speed {
  readonly perSecond: number;
  readonly cpuMicroseconds: number;
}

const rounds = Number(process.argv[2] ?? 7);
const results: { readonly bare: Speed; readonly store: Speed; readonly taken: Speed }[] = [];
for (let round = 0; round < rounds; round++) {
  const bare = await inFolder((folder) => measureBare(folder));
  results.push({ bare, ...(await inFolder((folder) => measureStore(folder))) });
  print(`round ${round + 1}`, results.slice(-1));
}
print('median', results);

async function measureBare(folder: string): Promise<Speed> {
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
  const speed = await measure(COMMITS * DEVICES * RUN_MESSAGES, () => {
    for (let transaction = 0; transaction < COMMITS; transaction++) {
      begin.run();
      for (let message = 0; message < DEVICES * RUN_MESSAGES; message++) insert.run(body);
      commit.run();
    }
  });
  database.close();
  return speed;
}

async function measureStore(folder: string): Promise<{ store: Speed; taken: Speed }> {
  const store = await openSqliteStore({ file: join(folder, 'gateway.db') });
  const row = newQueueRow('orders', NOW);
  await store.transact({}, () => ({ changes: [{ type: 'put-queue', row }], result: undefined }));
  const frame = runFrame();
  const intake = await measure(COMMITS * DEVICES * RUN_MESSAGES, async () => {
    for (let transaction = 0; transaction < COMMITS; transaction++) {
      await Promise.all(Array.from({ length: DEVICES }, (_, device) => takeRun(store, device, frame)));
    }
  });
  const taken = await measure(TAKEN, () => take(store));
  await store.close();
  return { store: intake, taken };
}

/** One consumer receives 256 at a time and acknowledges them. */
async function take(store: GatewayStore): Promise<void> {
  for (let taken = 0; taken < TAKEN; taken += 256) {
    const leaseTokens = Array.from({ length: 256 }, (_, index) => `${taken + index}`);
    const messages = await store.receive({
      queue: 'orders',
      max: 256,
      leaseMs: 30_000,
      now: NOW,
      leaseTokens,
    });
    const settlements = messages.map(({ receipt }) => ({ type: 'ack', receipt }) as const);
    await store.settle({ queue: 'orders', settlements, now: NOW });
  }
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

async function measure(messages: number, work: () => void | Promise<void>): Promise<Speed> {
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  await work();
  const milliseconds = performance.now() - startedAt;
  const cpu = process.cpuUsage(cpuBefore);
  return { perSecond: (messages * 1000) / milliseconds, cpuMicroseconds: (cpu.user + cpu.system) / messages };
}

async function inFolder<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'fieldpost-measure-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function print(label: string, measured: typeof results): void {
  const speed = (of: (result: (typeof results)[number]) => Speed): string => {
    const perSecond = Math.round(median(measured.map((result) => of(result).perSecond))).toLocaleString('en');
    return `${perSecond}/s (${median(measured.map((result) => of(result).cpuMicroseconds)).toFixed(1)} µs of CPU)`;
  };
  const ratio = median(measured.map(({ bare, store }) => store.perSecond / bare.perSecond)).toFixed(2);
  const parts = [
    `bare ${speed(({ bare }) => bare)}`,
    `store ${speed(({ store }) => store)}`,
    `ratio ${ratio}`,
    `receive + ack ${speed(({ taken }) => taken)}`,
  ];
  process.stdout.write(`${label}: ${parts.join(', ')}\n`);
}
