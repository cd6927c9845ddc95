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
const RUNS = 40;
const QUEUE = { name: 'orders', maxBodyBytes: 1000, createdAt: 1 };

type Operation =
  | { readonly type: 'append' | 'append-in-vain'; readonly priorities: readonly number[] }
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
  | { readonly type: 'wait'; readonly ms: number }
  | { readonly type: 'reopen' | 'delete' };

const priorities = fc.array(fc.constantFrom(3, 3, 3, 0, 5, 7), { minLength: 1, maxLength: 20 });
const ms = fc.constantFrom(0, 1, 10, 50, 100, 1000);
const how = fc.constantFrom<Settlement['type']>('ack', 'ack', 'nack', 'release', 'extend');
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('append' as const), priorities }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('append-in-vain' as const), priorities }) },
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
  { weight: 4, arbitrary: fc.record({ type: fc.constant('wait' as const), ms }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('reopen' as const, 'delete' as const) }) },
);

test.each(GATEWAY_STORES)(
  '$folder does what the model does, through random operations',
  { timeout: 120_000 },
  async ({ createHarness }) => {
    let operations = 0;
    const property = fc.asyncProperty(fc.array(operation, { maxLength: 120, size: 'max' }), async (list) => {
      const world = await createWorld(await createHarness());
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
    await fc.assert(property, { seed: SEED, numRuns: RUNS });
    expect(operations).toBeGreaterThan(1000);
  },
);

/** A store and its model. */
interface World {
  perform(operation: Operation): Promise<void>;
  compare(): Promise<void>;
  dispose(): Promise<void>;
}

async function createWorld(harness: GatewayStoreHarness): Promise<World> {
  const model = new QueueModel();
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

  const perform = async (next: Operation): Promise<void> => {
    switch (next.type) {
      case 'append':
      case 'append-in-vain': {
        const messages = next.priorities.map((priority) => newMessage(++made, priority));
        const inVain = next.type === 'append-in-vain';
        const appending = store.transact({}, () => ({
          changes: [
            { type: 'append', queue: 'orders', messages },
            ...(inVain ? [{ type: 'delete-queue', name: 'no-such-queue' } as const] : []),
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
        return expect(results).toEqual(settlements.map((one) => model.settle(one, now)));
      }
      case 'wait':
        now += next.ms;
        return;
      case 'reopen':
        await store.close();
        store = await harness.open();
        return;
      case 'delete':
        await store.transact({}, () => ({
          changes: [{ type: 'delete-queue', name: 'orders' }],
          result: undefined,
        }));
        await put(store);
        return model.clear();
    }
  };

  const compare = async (): Promise<void> => {
    const { messages } = await store.peek({ queue: 'orders', limit: 10_000, bodies: true, now });
    expect(messages.map(({ body, deliveryCount, state }) => ({ body, deliveryCount, state }))).toEqual(
      model.states(now),
    );
    expect(await store.getQueue('orders', now)).toMatchObject(model.counts(now));
    expect(await store.nextVisibleAt('orders', now)).toBe(model.nextVisibleAt(now));
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

function newMessage(number: number, priority: number): NewMessage {
  const id = bytesFromUuid(`01890000-0000-7000-8000-${number.toString(16).padStart(12, '0')}`);
  const body = new TextEncoder().encode(`message ${number}`);
  return { id, properties: new Uint8Array(number % 3), body, priority, sentAt: number, arrivedAt: number };
}

function settlement(type: Settlement['type'], receipt: string, time: number): Settlement {
  switch (type) {
    case 'nack':
      return { type, receipt, delayMs: time };
    case 'extend':
      return { type, receipt, leaseMs: time };
    case 'ack':
    case 'release':
      return { type, receipt };
  }
}
