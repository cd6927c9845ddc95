import { decodeDown, encodeUp, LIMITS } from '@fieldpost/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Bystander } from './bystander.ts';
import { RawWebSocket } from './raw-web-socket.ts';
import { makeQueue, memoryOf, mintToken, openTarget, type Target } from './target.ts';
import { expectFrame, message, NO_MESSAGE, WireDevice } from './wire-device.ts';

let target: Target;
let bystander: Bystander;
beforeAll(async () => {
  target = await openTarget();
  bystander = await Bystander.open(target);
});
afterAll(async () => {
  await bystander.checkQueue();
  bystander.close();
  await target.close();
});

/** Their answers would be some 1.6 GB together. */
const PUSHES = 2000;
/** What the work itself takes, with room for a lazy garbage collector. */
const WORK_BYTES_MAX = 768 * 1024 * 1024;

test(
  'a client that asks for large answers and never reads them does not fill the memory',
  { timeout: 180_000 },
  async () => {
    const token = await mintToken(target);
    const before = memory();
    expect((await askAndNeverRead(token)) - before).toBeLessThan(WORK_BYTES_MAX);
  },
);

/** The most memory that was seen meanwhile. The good client's messages go through all the time. */
async function askAndNeverRead(token: string): Promise<number> {
  const socket = await RawWebSocket.connected(target, token);
  const device = new WireDevice(await makeQueue(target));
  socket.sendFrame(encodeUp(device.helloFrame()));
  device.session = expectFrame(decodeDown(await frameBytes(socket)), 'welcome').session;
  // Each answer repeats every refusal that the device says it has not heard of: hundreds of kilobytes for a small push.
  for (let first = 1; first <= 4 * LIMITS.runMessages; first += LIMITS.runMessages) {
    const entries = Array.from({ length: LIMITS.runMessages }, () => NO_MESSAGE);
    socket.sendFrame(encodeUp(device.pushFrame({ first, entries })));
    await frameBytes(socket);
  }
  socket.connection.socket.pause();
  const push = encodeUp(device.pushFrame({ entries: [message('a')] }));
  let peak = 0;
  for (let sent = 0; sent < PUSHES; sent++) {
    socket.sendFrame(push);
    if (sent % 50 !== 49) continue;
    await bystander.deliverOne();
    peak = Math.max(peak, memory());
  }
  socket.close();
  return peak;
}

/** The binary part of the next event. */
async function frameBytes(socket: RawWebSocket): Promise<Uint8Array> {
  await socket.next();
  return (await socket.next())?.bytes ?? NO_MESSAGE;
}

function memory(): number {
  return target.pid === undefined ? 0 : memoryOf(target.pid);
}
