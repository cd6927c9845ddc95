import { newQueueRow } from '@fieldpost/gateway/testing';
import type {
  GatewayStore,
  GatewayStoreHarness,
  NewMessage,
  Settlement,
} from '@fieldpost/gateway/testing/suites';
import { bytesFromUuid } from '@fieldpost/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GATEWAY_STORES } from './registry.ts';
import { QueueModel } from './store-model.ts';

/** Each store beside a model of a queue, through the same random operations. */
const SEED = 20261123;
const RUNS = 30;
const QUEUE = newQueueRow('orders', 1, { maxDeliveries: 3, retryDelaysMs: [10, 0, 100] });

type Operation =
  | { readonly type: 'append' | 'append-in-vain'; readonly messages: readonly Sample[] }
  | { readonly type: 'receive'; readonly max: number; readonly leaseMs: number }
  /** `picks` choose among all receipts ever given. */
  | {
      readonly type: 'settle';
      readonly picks: readonly {
        readonly pick: number;
        readonly how: Settlement['type'];
        readonly ms: number;
      }[];
    }
  /** Settles the latest receipts and sends, all or nothing. */
  | {
      readonly type: 'transact';
      readonly picks: readonly {
        readonly back: number;
        readonly how: Settlement['type'];
        readonly ms: number;
      }[];
      readonly messages: readonly Sample[];
    }
  | { readonly type: 'wait'; readonly ms: number }
  | { readonly type: 'reopen' | 'delete' };

/** Mostly plain messages; the others live for a time, wait for one, or belong to one of a few groups. */
interface Sample {
  readonly priority: number;
  readonly liveMs: number | undefined;
  readonly waitMs: number | undefined;
  readonly groupId: string | undefined;
}

const rarely = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> =>
  fc.option(value, { freq: 3, nil: undefined });
const samples = fc.array(
  fc.record<Sample>({
    priority: fc.constantFrom(3, 3, 3, 0, 5, 7),
    liveMs: rarely(fc.constantFrom(1, 60, 500, 5000)),
    waitMs: rarely(fc.constantFrom(1, 20, 300)),
    groupId: rarely(fc.constantFrom('a', 'b')),
  }),
  { minLength: 1, maxLength: 20 },
);
const ms = fc.constantFrom(0, 1, 10, 50, 100, 1000);
const how = fc.constantFrom<Settlement['type']>('ack', 'ack', 'nack', 'release', 'extend', 'reject');
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('append' as const), messages: samples }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('append-in-vain' as const), messages: samples }) },
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('receive' as const),
      max: fc.integer({ min: 0, max: 12 }),
      leaseMs: ms,
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('settle' as const),
      picks: fc.array(fc.record({ pick: fc.nat(), how, ms }), { minLength: 1, maxLength: 6 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('transact' as const),
      picks: fc.array(fc.record({ back: fc.integer({ min: 1, max: 6 }), how, ms }), {
        minLength: 1,
        maxLength: 3,
      }),
      messages: samples,
    }),
  },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('wait' as const), ms }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('reopen' as const, 'delete' as const) }) },
);

test.each(GATEWAY_STORES)(
  '$folder does what the model does, through random operations',
  { timeout: 300_000 },
  async ({ createHarness }) => {
    let operations = 0;
    const transactions = { done: 0, failed: 0 };
    const property = fc.asyncProperty(fc.array(operation, { maxLength: 120, size: 'max' }), async (list) => {
      const world = await createWorld(await createHarness(), transactions);
      try {
        for (const next of list) {
          await world.perform(next);
          await world.compare();
          operations += 1;
        }
      } finally {
        await world.dispose();
      }
    });
    await fc.assert(property, { seed: SEED, numRuns: RUNS, endOnFailure: true });
    expect(operations).toBeGreaterThan(1000);
    expect(transactions.done).toBeGreaterThan(20);
    expect(transactions.failed).toBeGreaterThan(20);
  },
);

/** A store and its model. */
interface World {
  perform(operation: Operation): Promise<void>;
  compare(): Promise<void>;
  dispose(): Promise<void>;
}

async function createWorld(
  harness: GatewayStoreHarness,
  transactions: { done: number; failed: number },
): Promise<World> {
  const model = new QueueModel(QUEUE);
  const receipts: string[] = [];
  let store: GatewayStore = await harness.open();
  let now = 1_800_000_000_000;
  let made = 0;
  await put(store);

  const receive = async (max: number, leaseMs: number): Promise<void> => {
    const leaseTokens = Array.from({ length: max }, () => `token ${++made}`);
    const leased = await store.receive({ queue: 'orders', max, leaseMs, now, leaseTokens });
    const visible = model.visible(max, now);
    expect(leased.map((message) => message.body)).toEqual(visible.map(({ message }) => message.body));
    model.lease(visible, leased, now + leaseMs);
    expect(leased.map((message) => message.deliveryCount)).toEqual(
      visible.map((message) => message.deliveryCount),
    );
    receipts.push(...leased.map((message) => message.receipt));
  };

  const transact = async ({
    picks,
    messages: wanted,
  }: Extract<Operation, { type: 'transact' }>): Promise<void> => {
    const messages = wanted.map((sample) => newMessage(++made, sample, now));
    const settlements = picks.map(({ back, how: type, ms: time }) =>
      settlement(type, receipts.at(-back) ?? 'none', time),
    );
    const transacting = store.transact({}, () => ({
      changes: [
        { type: 'append', queue: 'orders', messages },
        { type: 'settle', requests: [{ queue: 'orders', settlements, now }] },
      ],
      result: undefined,
    }));
    if (!model.canSettleAll(settlements, now)) {
      transactions.failed += 1;
      return expect(transacting).rejects.toMatchObject({ code: 'lease-lost' });
    }
    await transacting;
    transactions.done += 1;
    model.append(messages);
    model.settle(settlements, now);
  };

  const perform = async (next: Operation): Promise<void> => {
    switch (next.type) {
      case 'append':
      case 'append-in-vain': {
        const messages = next.messages.map((sample) => newMessage(++made, sample, now));
        const inVain = next.type === 'append-in-vain';
        const appending = store.transact({}, () => ({
          changes: [
            { type: 'append', queue: 'orders', messages },
            ...(inVain ? [{ type: 'delete-queue', name: 'no-such-queue', at: 1 } as const] : []),
          ],
          result: undefined,
        }));
        if (inVain) return expect(appending).rejects.toMatchObject({ code: 'queue-not-found' });
        await appending;
        return model.append(messages);
      }
      case 'receive':
        return receive(next.max, next.leaseMs);
      case 'settle': {
        const settlements = next.picks.map(({ pick, how: type, ms: time }) =>
          settlement(type, receipts[pick % (receipts.length || 1)] ?? 'none', time),
        );
        const results = await store.settle({ queue: 'orders', settlements, now });
        return expect(results).toEqual(model.settle(settlements, now));
      }
      case 'transact':
        return transact(next);
      case 'wait':
        now += next.ms;
        model.endDue(now);
        return;
      case 'reopen':
        await store.close();
        store = await harness.open();
        return;
      case 'delete':
        await store.transact({}, () => ({
          changes: [{ type: 'delete-queue', name: 'orders', at: 1 }],
          result: undefined,
        }));
        await put(store);
        return model.clear();
    }
  };

  const compare = async (): Promise<void> => {
    // A lease of no time is over at once.
    model.endDue(now);
    const { messages } = await store.peek({ queue: 'orders', limit: 10_000, bodies: true, now });
    expect(messages.map(({ body, deliveryCount, state }) => ({ body, deliveryCount, state }))).toEqual(
      model.states(now),
    );
    expect(await store.getQueue('orders', now)).toMatchObject(model.counts(now));
    expect(await store.nextVisibleAt('orders', now)).toBe(model.nextVisibleAt(now));
    const letters = await store.peek({ queue: 'orders;dead-letter', limit: 10_000, bodies: true, now });
    const told = letters.messages.map(({ body, story }) =>
      JSON.stringify([[...body], story?.entries[0]?.code, story?.deliveries]),
    );
    const expected = model
      .deadLetters()
      .map(({ body, code, deliveries }) => JSON.stringify([[...body], code, deliveries]));
    expect(told.toSorted()).toEqual(expected.toSorted());
  };

  const dispose = async (): Promise<void> => {
    await store.close();
    await harness.dispose();
  };

  return { perform, compare, dispose };
}

function put(store: GatewayStore): Promise<undefined> {
  return store.transact({}, () => ({ changes: [{ type: 'put-queue', row: QUEUE }], result: undefined }));
}

function newMessage(number: number, sample: Sample, now: number): NewMessage {
  const { priority, liveMs, waitMs, groupId } = sample;
  const terms = {
    ...(liveMs === undefined ? {} : { expiresAt: now + liveMs }),
    ...(waitMs === undefined ? {} : { visibleAt: now + waitMs }),
    ...(groupId === undefined ? {} : { groupId }),
  };
  const id = bytesFromUuid(`01890000-0000-7000-8000-${number.toString(16).padStart(12, '0')}`);
  const body = new TextEncoder().encode(`message ${number}`);
  return {
    id,
    properties: new Uint8Array(number % 3),
    body,
    priority,
    sentAt: number,
    arrivedAt: number,
    terms,
  };
}

function settlement(type: Settlement['type'], receipt: string, time: number): Settlement {
  switch (type) {
    case 'nack':
      return time === 1 ? { type, receipt } : { type, receipt, delayMs: time };
    case 'extend':
      return { type, receipt, leaseMs: time };
    case 'ack':
    case 'reject':
    case 'release':
      return { type, receipt };
  }
}
