import { decodeDown, encodeUp, LIMITS } from '@fieldpost/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Bystander } from './bystander.ts';
import { RawWebSocket } from './raw-web-socket.ts';
import { makeQueue, mintToken, openTarget, type Target } from './target.ts';
import { expectFrame, message, NO_MESSAGE, WireDevice } from './wire-device.ts';
import { within } from './within.ts';

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

/** Their answers would be some 110 MB together. */
const PUSHES = 2000;
/** The gateway's bound of 32 MiB, and what lies in the buffers of two operating systems' sockets. */
const UNREAD_BYTES_MAX = 48 * 1024 * 1024;

test(
  'a client that asks for large answers and never reads them is let go before they fill the memory',
  { timeout: 180_000 },
  async () => {
    const socket = await RawWebSocket.connected(target, await mintToken(target));
    const device = new WireDevice(await makeQueue(target));
    socket.sendFrame(encodeUp(device.helloFrame()));
    device.session = expectFrame(decodeDown(await frameBytes(socket)), 'welcome').session;
    // Each answer repeats the refusals that the device says it has not heard of: fifty kilobytes for a small push.
    const entries = Array.from({ length: LIMITS.fatesTold }, () => NO_MESSAGE);
    socket.sendFrame(encodeUp(device.pushFrame({ entries })));
    await frameBytes(socket);
    socket.connection.socket.pause();
    const push = encodeUp(device.pushFrame({ entries: [message('a')] }));
    for (let sent = 0; sent < PUSHES; sent++) {
      socket.sendFrame(push);
      // The good client's messages go through all the time.
      if (sent % 50 === 49) await bystander.deliverOne();
    }
    let bytes = 0;
    socket.connection.socket.on('data', (data) => (bytes += data.length));
    socket.connection.socket.resume();
    await within('the gateway ends the connection', socket.connection.ended);
    expect(bytes).toBeLessThan(UNREAD_BYTES_MAX);
  },
);

/** The binary part of the next event. */
async function frameBytes(socket: RawWebSocket): Promise<Uint8Array> {
  await socket.next();
  return (await socket.next())?.bytes ?? NO_MESSAGE;
}
