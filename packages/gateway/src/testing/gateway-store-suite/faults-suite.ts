import { streamKeyText } from '@fieldpost/protocol';
import { expect, test } from 'vitest';
import type { Change, FateNotice, GatewayStore, LeasedMessage } from '../../ports/gateway-store.ts';
import {
  deviceId,
  messageId,
  NOW,
  numbersIn,
  numbersOf,
  pushChanges,
  queueRow,
  receive,
  streamKey,
  write,
} from './fixtures.ts';
import type { GatewayStoreHarness, StorageFault } from './harness.ts';

/** The fault's place moves through the whole workload, from the first operation of opening to the last of closing. */
const FAULTS: readonly Omit<StorageFault, 'at'>[] = [
  { kind: 'io-error', lasts: 'once', when: 'before' },
  { kind: 'io-error', lasts: 'once', when: 'after' },
  { kind: 'io-error', lasts: 'for-good', when: 'before' },
  { kind: 'disk-full', lasts: 'once', when: 'before' },
  { kind: 'disk-full', lasts: 'for-good', when: 'before' },
];

/** Whatever operation on the disk fails: nothing acknowledged is lost, nothing is there in part, nothing twice. */
export function faultsSuite(createHarness: () => Promise<GatewayStoreHarness>): void {
  test.each(FAULTS)(
    '$kind $lasts, $when the n-th operation, for every n',
    { timeout: 300_000 },
    async (fault) => {
      let struck = 0;
      for (let at = 1; ; at++) {
        const harness = await createHarness();
        try {
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
      // A workload that hardly touches the disk would prove nothing.
      expect(struck).toBeGreaterThan(8);
    },
  );
}

/** What callers were told. */
interface Ledger {
  /** The highest number acknowledged, by epoch. */
  readonly acknowledged: Map<number, number>;
  /** Messages whose removal was acknowledged, and those for which nobody knows. */
  readonly removed: Set<number>;
  readonly perhapsRemoved: Set<number>;
}

const EPOCHS = [1, 2];

async function runWithFault(harness: GatewayStoreHarness, fault: StorageFault): Promise<Ledger> {
  const ledger: Ledger = { acknowledged: new Map(), removed: new Set(), perhapsRemoved: new Set() };
  const store = await harness.openFaulty(fault).catch(() => undefined);
  if (store === undefined) return ledger;
  await ignoreFailure(write(store, { type: 'put-queue', row: queueRow() }));
  await Promise.all(EPOCHS.map((epoch) => push(store, ledger, epoch, 3)));
  await takeAndRemove(store, ledger);
  await Promise.all([push(store, ledger, 1, 2), takeAndRemove(store, ledger), push(store, ledger, 2, 20)]);
  if (fault.kind === 'disk-full' && fault.lasts === 'once' && harness.faultsStruck() > 0) {
    // There is room again: the store must go on without being started anew.
    await write(store, { type: 'put-queue', row: queueRow() });
    await push(store, ledger, 1, 1);
    expect(ledger.acknowledged.get(1)).toBeGreaterThan(0);
  }
  await ignoreFailure(store.close());
  return ledger;
}

/** Sends `count` numbers of an epoch, the first of which the gateway refuses. */
async function push(store: GatewayStore, ledger: Ledger, epoch: number, count: number): Promise<void> {
  const key = streamKey(epoch);
  await ignoreFailure(
    store
      .transact({ streams: [{ key, since: 0 }] }, ({ streams }) => {
        const from = streams.get(streamKeyText(key))?.accepted ?? 0;
        const refused = { number: from + 1, id: messageId(from + 1), code: 'bad-message' };
        const [append, advance] = pushChanges(key, from + 1, from + count);
        if (append?.type !== 'append' || advance?.type !== 'advance')
          throw new Error('an append and an advance expected');
        return {
          changes: [asking(append), { type: 'refuse', stream: key, fate: refused }, { ...advance, from }],
          result: from + count,
        };
      })
      .then((accepted) => ledger.acknowledged.set(epoch, accepted)),
  );
}

/** Every message asks what becomes of it: its end and its notice are one. */
function asking(append: Extract<Change, { type: 'append' }>): Change {
  const messages = append.messages.map((message) => ({ ...message, terms: { tellsFate: true } as const }));
  return { ...append, messages };
}

async function takeAndRemove(store: GatewayStore, ledger: Ledger): Promise<void> {
  const leased = await receive(store, { max: 2 }).catch((): readonly LeasedMessage[] => []);
  const [first, second] = leased;
  if (first === undefined) return;
  const [number] = numbersOf([first]);
  if (number === undefined) return;
  ledger.perhapsRemoved.add(number);
  const settling = store.settle({
    queue: 'orders',
    now: NOW,
    settlements: [
      { type: 'ack', receipt: first.receipt },
      { type: 'nack', receipt: second?.receipt ?? '', delayMs: 0 },
    ],
  });
  await ignoreFailure(settling.then(() => ledger.removed.add(number)));
}

async function check(harness: GatewayStoreHarness, ledger: Ledger): Promise<void> {
  const store = await harness.open();
  try {
    if ((await store.getQueue('orders', NOW)) === undefined) {
      expect(ledger.acknowledged.size).toBe(0);
      return;
    }
    const present = await numbersIn(store);
    const streams = await store.transact(
      { streams: EPOCHS.map((epoch) => ({ key: streamKey(epoch), since: 0 })) },
      (snapshot) => ({
        changes: [],
        result: snapshot.streams,
      }),
    );
    const expected: number[] = [];
    const removed: number[] = [];
    for (const epoch of EPOCHS) {
      const stream = streams.get(streamKeyText(streamKey(epoch)));
      const accepted = stream?.accepted ?? 0;
      expect(accepted).toBeGreaterThanOrEqual(ledger.acknowledged.get(epoch) ?? 0);
      const refused = new Set(stream?.refusals.map((fate) => fate.number));
      for (let number = 1; number <= accepted; number++) {
        const name = epoch * 1000 + number;
        const isGone =
          ledger.removed.has(name) || (ledger.perhapsRemoved.has(name) && !present.includes(name));
        if (!refused.has(number) && !isGone) expected.push(name);
        if (!refused.has(number) && isGone) removed.push(name);
      }
      expect(Math.max(0, ...refused)).toBeLessThanOrEqual(accepted);
    }
    expect(present.toSorted((left, right) => left - right)).toEqual(expected);
    const told = await noticesOf(store);
    expect(numbersOf(told).toSorted((left, right) => left - right)).toEqual(removed);
    expect(told.map(({ number }) => number)).toEqual(told.map((_, index) => index + 1));
    const info = await store.getQueue('orders', NOW);
    expect((info?.ready ?? 0) + (info?.leased ?? 0) + (info?.delayed ?? 0)).toBe(present.length);
    await write(store, { type: 'put-queue', row: queueRow('still-usable') });
  } finally {
    await store.close();
  }
}

function noticesOf(store: GatewayStore): Promise<readonly FateNotice[]> {
  return store.transact({ device: deviceId(1), notices: { max: 1000 } }, ({ notices }) => ({
    changes: [],
    result: notices?.rows ?? [],
  }));
}

async function ignoreFailure(call: Promise<unknown>): Promise<void> {
  await call.catch(() => undefined);
}
