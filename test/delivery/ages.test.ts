import { MemoryDatabase } from '@fieldpost/sdk/testing';
import { describe, expect, test } from 'vitest';
import { runsOf, ScriptedDevice } from '../support/scripted-device.ts';

// How old the device says its messages are, with the test as its gateway.

const HOUR_MS = 3_600_000;
const YEAR_MS = 365 * 24 * HOUR_MS;

describe('in one start', () => {
  test.each([
    ['a clock that goes right', 0],
    ['a clock that is set back', -HOUR_MS],
    ['a clock that is set far ahead', 20 * YEAR_MS],
  ])('a message is as old as it has waited, by %s', async (_, jumpMs) => {
    const device = await ScriptedDevice.open();
    await device.post.queue('orders').send(1);
    await device.pass(60_000);
    device.clock.jumpWall(jumpMs);
    expect(runsOf(await device.greet())[0]?.ageMs).toBe(60_000);
  });

  test('one that waits behind others grows older while they are sent', async () => {
    const device = await ScriptedDevice.open();
    await device.greet();
    await device.pass(HOUR_MS);
    await device.post.queue('orders').send(1);
    await device.settle();
    expect(runsOf(device.socket.latest)[0]?.ageMs).toBe(0);
  });
});

describe('across starts', () => {
  test('a message is as old as the clocks say, where the gateway’s bears the device’s out', async () => {
    const { database, clock } = await savedBetweenStarts(0);
    const later = await ScriptedDevice.open({ database, clock, seed: 'later' });
    await later.pass(10_000);
    const connection = await later.greet([], {}, { serverTimeMs: clock.wallMs() });
    expect(runsOf(connection)[0]?.ageMs).toBe(HOUR_MS + 10_000);
  });

  test.each([
    ['1970', -50 * YEAR_MS],
    ['far ahead', 20 * YEAR_MS],
  ])('one that was saved while the clock stood in %s is as old as this start', async (_, jumpMs) => {
    const { database, clock } = await savedBetweenStarts(jumpMs);
    const later = await ScriptedDevice.open({ database, clock, seed: 'later' });
    await later.pass(10_000);
    const connection = await later.greet([], {}, { serverTimeMs: clock.wallMs() });
    expect(runsOf(connection)[0]?.ageMs).toBe(10_000);
  });

  test('a clock that is wrong now changes nothing', async () => {
    const { database, clock } = await savedBetweenStarts(0);
    const gatewayMs = clock.wallMs();
    clock.jumpWall(20 * YEAR_MS);
    const later = await ScriptedDevice.open({ database, clock, seed: 'later' });
    const connection = await later.greet([], {}, { serverTimeMs: gatewayMs });
    expect(runsOf(connection)[0]?.ageMs).toBe(HOUR_MS);
  });

  test('one saved before a contact that could not take it stays as old as it is', async () => {
    const { database, clock } = await savedBetweenStarts(0);
    const between = await ScriptedDevice.open({ database, clock, seed: 'between' });
    await between.greet([], {}, { serverTimeMs: clock.wallMs() });
    await between.post.close();
    clock.jumpWall(HOUR_MS);
    const later = await ScriptedDevice.open({ database, clock, seed: 'later' });
    const connection = await later.greet([], {}, { serverTimeMs: clock.wallMs() });
    expect(runsOf(connection)[0]?.ageMs).toBe(2 * HOUR_MS);
  });

  test('one of a device that was never in contact is as old as this start', async () => {
    const database = new MemoryDatabase();
    const before = await ScriptedDevice.open({ database });
    await before.post.queue('orders').send(1);
    await before.post.close();
    before.clock.jumpWall(HOUR_MS);
    const later = await ScriptedDevice.open({ database, clock: before.clock, seed: 'later' });
    const connection = await later.greet([], {}, { serverTimeMs: before.clock.wallMs() });
    expect(runsOf(connection)[0]?.ageMs).toBe(0);
  });
});

/** A device that was in contact, and saved a message after that with its clock off by so much; then an hour passed. */
async function savedBetweenStarts(jumpMs: number): Promise<Pick<ScriptedDevice, 'database' | 'clock'>> {
  const database = new MemoryDatabase();
  const device = await ScriptedDevice.open({ database });
  await device.greet([], {}, { serverTimeMs: device.clock.wallMs() });
  device.clock.jumpWall(jumpMs);
  device.socket.latest.end();
  await device.post.queue('orders').send(1);
  await device.post.close();
  device.clock.jumpWall(HOUR_MS - jumpMs);
  return device;
}
