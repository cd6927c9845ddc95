import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { type GatewayStore, newQueueRow, openSqliteStore } from '@fieldpost/gateway/testing';
import { createRng, type Rng, streamKeyText } from '@fieldpost/protocol';
import Database from 'better-sqlite3';
import { readState } from './read-state.ts';
import { idOf, messageNumbers, newMessage, NOW, QUEUE, streamOf } from './writer-content.ts';
import type { WriterOrder, WriterReport } from './writer-messages.ts';

/**
 * The process that is killed: a real store under a steady load. It reports what it found when it opened the store, then
 * each thing that the store acknowledged, one line each, written before anything else happens.
 */
const RUN_MESSAGES_MAX = 24;
/** Enough to keep up with the senders, so that the store stays small through a thousand cycles. */
const TAKEN_MAX = 400;

report({ type: 'ready' });
const lines = createInterface({ input: process.stdin });
lines.once('line', (line) => {
  const order: WriterOrder = JSON.parse(line);
  run(order).catch((error: unknown) =>
    report({ type: 'failed', code: codeOf(error), message: String(error) }),
  );
});

async function run(order: WriterOrder): Promise<void> {
  const store = await openSqliteStore({
    file: order.file,
    lockWaitMs: order.lockWaitMs ?? 10_000,
    logBytesMax: order.logBytesMax,
    onFailure: (error) => report({ type: 'failure', code: error.code }),
    ...(order.sabotage === 'synchronous-normal' ? { open: openWithoutSync } : {}),
  });
  await store.transact({ queues: [QUEUE] }, ({ queues }) => ({
    changes: queues.has(QUEUE)
      ? []
      : [
          {
            type: 'put-queue',
            row: newQueueRow(QUEUE, NOW, { retryDelaysMs: [], maxDeliveries: 1_000_000 }),
          },
        ],
    result: undefined,
  }));
  await reportState(store, order.epochs);
  const rng = createRng(order.seed);
  const senders = Array.from({ length: order.epochs }, (_, epoch) =>
    keepSending(store, epoch, rng.fork(`sender ${epoch}`), order),
  );
  await Promise.all([...senders, keepConsuming(store, rng.fork('consumer'), order)]);
}

async function reportState(store: GatewayStore, epochs: number): Promise<void> {
  report({ type: 'state', ...(await readState(store, epochs)) });
}

async function keepSending(
  store: GatewayStore,
  epoch: number,
  rng: Rng,
  { goesOnAfterErrors }: WriterOrder,
): Promise<void> {
  const key = streamOf(epoch);
  for (;;) {
    const count = 1 + rng.below(RUN_MESSAGES_MAX);
    const sending = store.transact({ streams: [{ key, since: 0 }] }, ({ streams }) => {
      const from = streams.get(streamKeyText(key))?.accepted ?? 0;
      const messages = Array.from({ length: count }, (_, index) => newMessage(epoch, from + index + 1));
      const to = from + count;
      return {
        changes: [
          { type: 'append', queue: QUEUE, messages },
          { type: 'advance', stream: key, from, to, id: idOf(epoch, to) },
        ],
        result: to,
      };
    });
    try {
      report({ type: 'accepted', epoch, number: await sending });
    } catch (error) {
      report({ type: 'refused', code: codeOf(error) });
      if (!goesOnAfterErrors) return;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

async function keepConsuming(
  store: GatewayStore,
  rng: Rng,
  { goesOnAfterErrors }: WriterOrder,
): Promise<void> {
  for (let lease = 0; ; lease++) {
    try {
      const max = 1 + rng.below(TAKEN_MAX);
      const leaseTokens = Array.from({ length: max }, (_, index) => `${lease}-${index}`);
      const messages = await store.receive({ queue: QUEUE, max, leaseMs: 1, now: NOW, leaseTokens });
      const names = messages.map((message) => messageNumbers(message.id).join(':'));
      if (names.length > 0) report({ type: 'removing', names });
      const settlements = messages.map(({ receipt }) => ({ type: 'ack', receipt }) as const);
      await store.settle({ queue: QUEUE, settlements, now: NOW });
      if (names.length > 0) report({ type: 'removed', names });
    } catch (error) {
      report({ type: 'refused', code: codeOf(error) });
      if (!goesOnAfterErrors) return;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Says FULL and does NORMAL: the planted bug that the checker has to find. */
function openWithoutSync(file: string): Database.Database {
  const database = new Database(file, { timeout: 0 });
  return new Proxy(database, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function') return value;
      if (property !== 'pragma') return value.bind(target);
      return (source: string, options?: Database.PragmaOptions): unknown => {
        if (!source.startsWith('synchronous')) return target.pragma(source, options);
        target.pragma('synchronous = NORMAL');
        return 2;
      };
    },
  });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'none';
}

/** Synchronous: what is reported has left the process before the next line runs. */
function report(line: WriterReport): void {
  const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
  for (let sent = 0; sent < bytes.length;) {
    try {
      sent += writeSync(1, bytes, sent);
    } catch (error) {
      // The pipe is full: its reader is behind.
      if (codeOf(error) !== 'EAGAIN') throw error;
    }
  }
}
