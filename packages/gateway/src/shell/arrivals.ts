import type { Clock } from '../ports/clock.ts';

/** Tells those who wait for messages of a queue that something became visible in it. */
export interface Arrivals {
  notify(queue: string): void;
  /** Something may have become visible anywhere: ends every `wait`. */
  notifyAll(): void;
  /** Starts to listen: whatever is notified from now on ends `wait`, also before it is called. */
  listen(queue: string): Listening;
}

interface Listening {
  /** Resolves at the first notification, when `timeoutMs` have passed, or on abort. */
  wait(timeoutMs: number, signal: AbortSignal): Promise<void>;
  stop(): void;
}

export function createArrivals(clock: Clock): Arrivals {
  const listeners = new Map<string, Set<() => void>>();
  return {
    notify(queue) {
      for (const heard of listeners.get(queue) ?? []) heard();
    },
    notifyAll() {
      for (const queue of listeners.values()) for (const heard of queue) heard();
    },
    listen(queue) {
      let wasHeard = false;
      let wake: (() => void) | undefined;
      const heard = (): void => {
        wasHeard = true;
        wake?.();
      };
      const entries = listeners.get(queue) ?? new Set();
      listeners.set(queue, entries.add(heard));
      return {
        wait(timeoutMs, signal) {
          return new Promise((resolve) => {
            if (wasHeard || signal.aborted || timeoutMs <= 0) {
              resolve();
              return;
            }
            const finish = (): void => {
              cancel();
              signal.removeEventListener('abort', finish);
              resolve();
            };
            const cancel = clock.schedule(timeoutMs, finish);
            signal.addEventListener('abort', finish, { once: true });
            wake = finish;
          });
        },
        stop() {
          entries.delete(heard);
          if (entries.size === 0 && listeners.get(queue) === entries) listeners.delete(queue);
        },
      };
    },
  };
}
