import type { GenerationId } from '@fieldpost/protocol';
import { expect, test, vi } from 'vitest';
import { AjvBodySchemas } from '../adapters/ajv-body-schemas.ts';
import { CelConditions } from '../adapters/cel-conditions.ts';
import { createMemoryDisk } from '../adapters/memory/memory-disk.ts';
import { openMemoryStore } from '../adapters/memory/memory-store.ts';
import { readPush } from '../core/read-push.ts';
import type { GatewayStore } from '../ports/gateway-store.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { deviceId, principal, push, runOf } from '../testing/sample-frames.ts';
import { createArrivals } from './arrivals.ts';
import { createInputRoom } from './input-room.ts';
import { createIntake, type Intake } from './intake.ts';
import { createLiveSessions } from './live-sessions.ts';

const SENDER = { device: deviceId(1), principal: principal() };

test('what is under way of all devices is bounded, and room comes back when it is committed', async () => {
  const held = holdStore();
  const intake = intakeOf(held.store, 50);
  const first = intake.push(readPush(push([runOf(1, 1)])), SENDER, { attempts: new Map() });
  expect(intake.isOverloaded()).toBe(false);
  const second = intake.push(readPush(push([runOf(2, 3)])), SENDER, { attempts: new Map() });
  expect(intake.isOverloaded()).toBe(true);
  held.letGo();
  await Promise.all([first, second]);
  expect(intake.isOverloaded()).toBe(false);
});

test('room comes back from a push that failed, too', async () => {
  const { store } = holdStore();
  store.transact = () => Promise.reject(new Error('disk I/O error'));
  const intake = intakeOf(store, 1);
  await expect(intake.push(readPush(push([runOf(1, 1)])), SENDER, { attempts: new Map() })).rejects.toThrow();
  expect(intake.isOverloaded()).toBe(false);
});

/** A store whose transactions wait until they are let go. */
function holdStore(): { readonly store: GatewayStore; readonly letGo: () => void } {
  let letGo: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (letGo = resolve));
  const store: GatewayStore = openMemoryStore(
    createMemoryDisk('00000000-0000-4000-8000-000000000000' as GenerationId),
  );
  const transact = store.transact.bind(store);
  store.transact = (scope, decide) => gate.then(() => transact(scope, decide));
  return { store, letGo };
}

function intakeOf(store: GatewayStore, bytesMax: number): Intake {
  const clock = new ManualClock();
  const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  const ports = {
    store,
    clock,
    logger,
    entropy: { bytes: (length: number) => new Uint8Array(length) },
    failpoints: { reach: () => undefined },
    arrivals: createArrivals(clock),
    liveSessions: createLiveSessions(),
    conditions: new CelConditions(),
    schemas: new AjvBodySchemas(),
    inputRoom: createInputRoom(bytesMax),
    metrics: { count: vi.fn() },
  };
  return createIntake(ports, {});
}
