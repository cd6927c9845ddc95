import type { Signals } from '../../ports/signals.ts';

/** A BroadcastChannel of the origin. Where there is none, tabs find out by reading the store. */
export function createBroadcastSignals(name: string): Signals {
  if (typeof BroadcastChannel === 'undefined') return SILENCE;
  const channel = new BroadcastChannel(name);
  // In Node a channel would keep the process alive for as long as it is open.
  if ('unref' in channel && typeof channel.unref === 'function') channel.unref();
  let isClosed = false;
  return {
    post(message) {
      if (!isClosed) channel.postMessage(message);
    },
    subscribe(hear) {
      const listen = (event: MessageEvent<unknown>): void => hear(event.data);
      channel.addEventListener('message', listen);
      return () => channel.removeEventListener('message', listen);
    },
    close() {
      isClosed = true;
      channel.close();
    },
  };
}

/** Nobody hears anybody. */
export const SILENCE: Signals = {
  post: () => undefined,
  subscribe: () => () => undefined,
  close: () => undefined,
};
