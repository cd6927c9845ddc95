import { CodedError } from '@fieldpost/protocol';
import { expect, test, type TestContext } from 'vitest';
import type { OutboxStore } from '../../ports/outbox-store.ts';
import { type FaultyOperation, faultyOperations, type StorageState } from './faulty-operations.ts';
import type { OutboxBench, StorageFault, StorageFaults } from './outbox-place.ts';
import type { WithBench } from './with-bench.ts';

/** More storage operations than any call of a store needs, so that a loop over them ends. */
const OPERATIONS_MAX = 200;

interface Trial {
  readonly store: OutboxStore;
  /** What the call under fault came to. */
  readonly outcome: PromiseSettledResult<unknown>;
  /** What it left. */
  readonly left: StorageState;
}

/** Every storage operation of every call fails once: the first, the second, and so on until none is left to fail. */
export function faultSuite(withBench: WithBench): void {
  for (const operation of faultyOperations) {
    test(`${operation.name}: a dead handle at any operation is replaced, and the call succeeds`, (context) =>
      atEveryOperation(withBench, context, operation, 'dead', 'once', ({ outcome, left }) => {
        expect(outcome).toMatchObject({ status: 'fulfilled' });
        expect(left).toBe('done');
      }));

    test(`${operation.name}: when handles stay dead the call fails, nothing is half done, and it can be repeated`, (context) =>
      atEveryOperation(
        withBench,
        context,
        operation,
        'dead',
        'for-good',
        async ({ store, outcome, left }) => {
          // What only follows the work, such as keeping a reserve, may fail unheard.
          if (outcome.status === 'fulfilled') expect(left).toBe('done');
          else expect(codeOf(outcome)).toBe('storage-failed');
          expect(['untouched', 'done']).toContain(left);
          await operation.run(store);
          expect(await operation.inspect(store)).toBe('done');
        },
      ));

    for (const lasting of ['once', 'for-good'] as const) {
      test(`${operation.name}: commits that its caller never heard of (${lasting}) are done once`, (context) =>
        atEveryOperation(
          withBench,
          context,
          operation,
          'unheard',
          lasting,
          async ({ store, outcome, left }) => {
            if (outcome.status === 'rejected') {
              expect(codeOf(outcome)).toBe('storage-failed');
              expect(outcome.reason).toMatchObject({ outcome: 'unknown' });
            }
            expect(left).toBe('done');
            await operation.run(store);
            expect(await operation.inspect(store)).toBe('done');
          },
        ));
    }

    if (!operation.needsSpace) continue;

    for (const lasting of ['once', 'for-good'] as const) {
      test(`${operation.name}: no space left (${lasting}) leaves nothing half done`, (context) =>
        atEveryOperation(withBench, context, operation, 'full', lasting, async ({ store, outcome, left }) => {
          // A store may make room and succeed after all.
          if (outcome.status === 'rejected') expect(codeOf(outcome)).toBe('storage-full');
          expect(left).toBe(outcome.status === 'rejected' ? 'untouched' : 'done');
          await operation.run(store);
          expect(await operation.inspect(store)).toBe('done');
        }));
    }
  }
}

async function atEveryOperation(
  withBench: WithBench,
  context: TestContext,
  operation: FaultyOperation,
  fault: StorageFault,
  lasting: 'once' | 'for-good',
  check: (trial: Trial) => Promise<void> | void,
): Promise<void> {
  let struck = 0;
  for (let n = 1; n <= OPERATIONS_MAX; n++) {
    let strikes = false;
    await withBench(async (bench) => {
      const { faults } = bench.place;
      if (faults === undefined) return context.skip();
      const store = await bench.open();
      await operation.prepare(bench, store);
      const { outcome, hit } = await runUnder(faults, n, fault, lasting, () => operation.run(store));
      strikes = hit;
      if (!strikes) return;
      const left = await inspectAnew(bench, operation);
      await check({ store, outcome, left });
    });
    if (!strikes) break;
    struck++;
  }
  expect(struck, 'the fault never struck').toBeGreaterThan(0);
  expect(struck, 'the call never ran out of operations').toBeLessThan(OPERATIONS_MAX);
}

async function runUnder(
  faults: StorageFaults,
  n: number,
  fault: StorageFault,
  lasting: 'once' | 'for-good',
  run: () => Promise<unknown>,
): Promise<{ readonly outcome: PromiseSettledResult<unknown>; readonly hit: boolean }> {
  faults.failAt(n, fault, lasting);
  const [outcome] = await Promise.allSettled([run()]);
  return { outcome, hit: faults.clear() };
}

/** Looked at through another handle, so that nothing the first one remembers can hide what is on disk. */
async function inspectAnew(bench: OutboxBench, operation: FaultyOperation): Promise<StorageState> {
  return operation.inspect(await bench.open());
}

function codeOf(outcome: PromiseSettledResult<unknown>): string | undefined {
  if (outcome.status === 'fulfilled') return undefined;
  const reason: unknown = outcome.reason;
  return reason instanceof CodedError ? reason.code : String(reason);
}
