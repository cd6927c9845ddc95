import { LIMITS } from '@fieldpost/protocol';
import { expect, test } from 'vitest';
import { numbersOf, runsOf, ScriptedDevice } from '../support/scripted-device.ts';

// What a device makes of "the network is back" and "somebody looks at the page again".

test('a hint cuts the wait for the next attempt short', async () => {
  const { device, hint } = await deviceWithHints();
  await loseUntilWaiting(device, 20_000);
  const attempts = device.socket.connections.length;
  hint();
  await device.settle();
  expect(device.socket.connections.length + device.http.connections.length).toBeGreaterThan(attempts);
});

test('after a sleep, a hint does away with a socket that owes an answer', async () => {
  const { device, hint } = await deviceWithHints();
  await device.post.queue('orders').send(1);
  const connection = await device.greet();
  hint();
  await device.settle();
  expect(connection.isClosedByDevice).toBe(false);
  await device.pass(6_000);
  hint();
  await device.settle();
  expect(connection.isClosedByDevice).toBe(true);
  await device.pass(LIMITS.backoffFirstMs);
  expect(numbersOf(runsOf(await device.greet()))).toEqual(['1-1']);
});

test('a hint leaves a connection alone that owes nothing', async () => {
  const { device, hint } = await deviceWithHints();
  const connection = await device.greet();
  await device.pass(10_000);
  hint();
  await device.settle();
  expect(connection.isClosedByDevice).toBe(false);
});

async function deviceWithHints(): Promise<{ device: ScriptedDevice; hint: () => void }> {
  let hint = (): void => undefined;
  const hints = {
    subscribe: (hear: () => void) => {
      hint = hear;
      return () => undefined;
    },
  };
  const device = await ScriptedDevice.open({ connect: { surroundings: { hints } } });
  return { device, hint: () => hint() };
}

/** Ends attempt after attempt for so long, by either way, and leaves the device waiting. */
async function loseUntilWaiting(device: ScriptedDevice, milliseconds: number): Promise<void> {
  const ended = new Set<object>();
  for (
    let passed = 0;
    passed < milliseconds || device.post.status.get().state !== 'waiting';
    passed += 1_000
  ) {
    for (const connection of [...device.socket.connections, ...device.http.connections]) {
      if (!ended.has(connection)) connection.end();
      ended.add(connection);
    }
    await device.pass(1_000);
  }
}
