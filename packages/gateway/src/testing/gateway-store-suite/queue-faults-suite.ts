import { expect, test } from 'vitest';
import type {
  Change,
  GatewayStore,
  JobRow,
  LeasedMessage,
  NewJob,
  Settlement,
} from '../../ports/gateway-store.ts';
import {
  append,
  LEASE_MS,
  newMessage,
  newMessages,
  NOW,
  numbersOf,
  queueRow,
  receive,
  write,
} from './fixtures.ts';
import type { GatewayStoreHarness, StorageFault } from './harness.ts';

/** The fault's place moves through the whole workload; the faults are the two that leave most to go wrong. */
const FAULTS: readonly Omit<StorageFault, 'at'>[] = [
  { kind: 'io-error', lasts: 'once', when: 'after' },
  { kind: 'disk-full', lasts: 'once', when: 'before' },
];

/** On a database server every place takes long: it is visited at so many places apart. */
const SHARED_STRIDE = 21;

/** `steps` is worked on by transactions that send to `invoices`, `orders` by everything else. */
const QUEUES = ['orders', 'later', 'steps', 'invoices'] as const;
const EXPIRES_AT = NOW + 1000;
/** Behind every lease, delay and time to live of the workload. */
const AFTERWARDS = NOW + 10 * LEASE_MS;
const INVOICE = 1000;

/**
 * Whatever operation on the disk fails under receives, settlements, sweeps, jobs and transactions: each message is in
 * exactly one place, what was acknowledged is so, a transaction is there whole or not at all, and the counts are right.
 * Every queue has a journal, so a message that was removed has a place, too.
 */
export function queueFaultsSuite(createHarness: () => Promise<GatewayStoreHarness>): void {
  test.for(FAULTS)('queues: $kind $lasts, $when the n-th operation', { timeout: 300_000 }, async (fault) => {
    let struck = 0;
    let stride = 1;
    for (let at = 1; ; at += stride) {
      const harness = await createHarness();
      try {
        if (harness.isShared) stride = SHARED_STRIDE;
        const ledger = await runWithFault(harness, { ...fault, at });
        if (harness.faultsStruck() === 0) break;
        struck += 1;
        await check(harness, ledger);
      } catch (error) {
        throw new Error(`with the fault at operation ${at}`, { cause: error });
      } finally {
        await harness.dispose();
      }
    }
    expect(struck * stride).toBeGreaterThan(12);
  });
}

/** What callers were told. */
interface Ledger {
  /** Numbers whose append was acknowledged. */
  readonly appended: Set<number>;
  /** Where a message was acknowledged to have gone, by its number. */
  readonly gone: Map<number, 'orders;journal' | 'orders;dead-letter'>;
  /** Numbers of steps whose transaction was acknowledged. */
  readonly invoiced: Set<number>;
}

async function runWithFault(harness: GatewayStoreHarness, fault: StorageFault): Promise<Ledger> {
  const ledger: Ledger = { appended: new Set(), gone: new Map(), invoiced: new Set() };
  const store = await harness.openFaulty(fault).catch(() => undefined);
  if (store === undefined) return ledger;
  const settings = { journal: true, maxDeliveries: 3 };
  const rows = QUEUES.map((name): Change => ({ type: 'put-queue', row: queueRow(name, settings) }));
  await tried(write(store, ...rows));
  await fill(store, ledger);
  await settleSome(store, ledger);
  await Promise.all([transactSome(store, ledger), tried(store.sweep(EXPIRES_AT)), settleSome(store, ledger)]);
  await runJobs(store);
  await tried(store.close());
  return ledger;
}

/** Plain messages, some that will expire, some of a group; and the steps. */
async function fill(store: GatewayStore, ledger: Ledger): Promise<void> {
  const expiring = newMessages(7, 9, { terms: { expiresAt: EXPIRES_AT } });
  const grouped = newMessages(10, 12, { terms: { groupId: 'a' } });
  const kinds = [
    { numbers: [1, 2, 3, 4, 5, 6], queue: 'orders', messages: newMessages(1, 6) },
    { numbers: [7, 8, 9], queue: 'orders', messages: expiring },
    { numbers: [10, 11, 12], queue: 'orders', messages: grouped },
    { numbers: [21, 22, 23, 24], queue: 'steps', messages: newMessages(21, 24) },
  ];
  for (const { numbers, queue, messages } of kinds) {
    const isDone = await tried(append(store, messages, queue));
    if (isDone) for (const number of numbers) ledger.appended.add(number);
  }
}

const HOW = ['ack', 'reject', 'nack', 'release'] as const;

async function settleSome(store: GatewayStore, ledger: Ledger): Promise<void> {
  const leased = await receive(store, { max: 4 }).catch((): readonly LeasedMessage[] => []);
  const settlements = leased.map(({ receipt }, index): Settlement => ({
    type: HOW[index % HOW.length] ?? 'ack',
    receipt,
  }));
  const [acked, rejected] = numbersOf(leased);
  const settling = store.settle({ queue: 'orders', settlements, now: NOW });
  if (!(await tried(settling))) return;
  if (acked !== undefined) ledger.gone.set(acked, 'orders;journal');
  if (rejected !== undefined) ledger.gone.set(rejected, 'orders;dead-letter');
}

/** Passes steps on: each acknowledged, and its invoice sent, in one transaction. */
async function transactSome(store: GatewayStore, ledger: Ledger): Promise<void> {
  const request = { queue: 'steps', max: 3 };
  const leased = await receive(store, request).catch((): readonly LeasedMessage[] => []);
  for (const message of leased) {
    const [number = 0] = numbersOf([message]);
    const settlements: Settlement[] = [{ type: 'ack', receipt: message.receipt }];
    const isDone = await tried(
      write(
        store,
        { type: 'append', queue: 'invoices', messages: [newMessage(INVOICE + number)] },
        { type: 'settle', requests: [{ queue: 'steps', settlements, now: NOW }] },
      ),
    );
    if (isDone) ledger.invoiced.add(number);
  }
}

const JOBS: readonly Pick<NewJob, 'id' | 'kind' | 'queue' | 'target' | 'filter'>[] = [
  { id: 'redrive', kind: 'redrive', queue: 'orders;dead-letter', filter: { max: 1 } },
  { id: 'move', kind: 'move', queue: 'orders', target: 'later', filter: { max: 3 } },
  { id: 'purge', kind: 'purge', queue: 'later', filter: { max: 1 } },
];

async function runJobs(store: GatewayStore): Promise<void> {
  for (const job of JOBS) {
    await tried(store.startJob({ ...job, now: NOW }));
    await finish(store, job.id);
  }
  await tried(store.cancelJob('purge', NOW));
}

/** Steps through a job until it has ended, or a step fails. */
async function finish(store: GatewayStore, id: string): Promise<JobRow | undefined> {
  for (;;) {
    const step = await store.stepJob({ id, max: 2, now: NOW }).catch(() => undefined);
    if (step === undefined || step.job.state !== 'running') return step?.job;
  }
}

async function check(harness: GatewayStoreHarness, ledger: Ledger): Promise<void> {
  const store = await harness.open();
  try {
    if ((await store.getQueue('orders', NOW)) === undefined) {
      expect(ledger.appended.size).toBe(0);
      return;
    }
    // What was begun goes on, and then all that can run out has run out.
    for (const { id, state } of await store.listJobs()) if (state === 'running') await finish(store, id);
    await store.sweep(AFTERWARDS);
    const places = await findPlaces(store);
    for (const [number, found] of places) expect(found, `message ${number}`).toHaveLength(1);
    for (const number of ledger.appended) expect(places.has(number), `message ${number} is lost`).toBe(true);
    for (const [number, queue] of ledger.gone) {
      // A redrive may have taken a dead letter back, and a move or purge may then have taken it on.
      const [place = ''] = places.get(number) ?? [];
      if (queue === 'orders;journal') expect(place, `message ${number}`).toBe(queue);
      else expect(place, `message ${number}`).not.toBe('orders;journal');
    }
    for (const number of [21, 22, 23, 24]) {
      const isInvoiced = places.has(INVOICE + number);
      if (ledger.invoiced.has(number)) expect(isInvoiced, `invoice of ${number}`).toBe(true);
      const isDone = places.get(number)?.[0] === 'steps;journal';
      expect(isDone, `step ${number} is done, and so is its invoice`).toBe(isInvoiced);
    }
    await write(store, { type: 'put-queue', row: queueRow('still-usable') });
  } finally {
    await store.close();
  }
}

/** The queues in which each message is, by its number. The counts of every queue agree with what is in it. */
async function findPlaces(store: GatewayStore): Promise<Map<number, string[]>> {
  const places = new Map<number, string[]>();
  for (const info of await store.listQueues(AFTERWARDS)) {
    const { name } = info;
    const { messages } = await store.peek({ queue: name, limit: 1000, bodies: true, now: AFTERWARDS });
    for (const number of numbersOf(messages)) places.set(number, [...(places.get(number) ?? []), name]);
    expect(info.ready + info.leased + info.delayed + info.blocked, `count of ${name}`).toBe(messages.length);
    const bytes = messages.reduce((sum, { properties, body }) => sum + properties.length + body.length, 0);
    expect(info.bytes, `bytes of ${name}`).toBe(bytes);
  }
  return places;
}

/** Whether a call was acknowledged. */
async function tried(call: Promise<unknown>): Promise<boolean> {
  return call.then(
    () => true,
    () => false,
  );
}
