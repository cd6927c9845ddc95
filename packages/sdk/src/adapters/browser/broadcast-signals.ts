import type { Signals } from '../../ports/signals.ts';

/**
 * A signal that repeats the one before waits so long, and stands for all that repeat it meanwhile: each costs the posting
 * tab as much as a request to its database, and a loop of sends would post one for each.
 */
const REPEAT_PAUSE_MS = 20;

interface Waiting {
  readonly message: unknown;
  readonly text: string;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** A BroadcastChannel of the origin. Where there is none, tabs find out by reading the store. */
export function createBroadcastSignals(name: string): Signals {
  if (typeof BroadcastChannel === 'undefined') return SILENCE;
  const channel = new BroadcastChannel(name);
  // In Node a channel would keep the process alive for as long as it is open.
  if ('unref' in channel && typeof channel.unref === 'function') channel.unref();
  let isClosed = false;
  let posted: { readonly text: string; readonly at: number } | undefined;
  let waiting: Waiting | undefined;
  const send = (message: unknown, text: string): void => {
    if (waiting !== undefined) clearTimeout(waiting.timer);
    waiting = undefined;
    posted = { text, at: performance.now() };
    channel.postMessage(message);
  };
  const flush = (): void => {
    if (waiting !== undefined) send(waiting.message, waiting.text);
  };
  return {
    post(message) {
      if (isClosed) return;
      const text = JSON.stringify(message);
      if (text !== posted?.text) flush();
      else if (performance.now() - posted.at < REPEAT_PAUSE_MS) {
        waiting ??= { message, text, timer: setTimeout(flush, REPEAT_PAUSE_MS) };
        return;
      }
      send(message, text);
    },
    subscribe(hear) {
      const listen = (event: MessageEvent<unknown>): void => hear(event.data);
      channel.addEventListener('message', listen);
      return () => channel.removeEventListener('message', listen);
    },
    close() {
      flush();
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
