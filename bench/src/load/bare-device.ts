import { io } from 'socket.io-client';
import type { LoadDevice, LoadTarget } from './load-device.ts';

/** socket.io and nothing on top: one emit per batch, answered by socket.io's own acknowledgement. */
export function createBareDevice(target: LoadTarget): LoadDevice {
  const socket = io(target.url, {
    transports: ['websocket'],
    autoConnect: false,
    reconnection: false,
    forceNew: true,
  });
  return {
    async open() {
      await new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve);
        socket.once('connect_error', reject);
        socket.connect();
      });
    },
    async push(_first, _count, entries) {
      await socket.emitWithAck('frame', entries);
    },
    close() {
      socket.close();
    },
  };
}
