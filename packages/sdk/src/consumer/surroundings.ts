import { createSystemClock } from '../adapters/browser/system-clock.ts';
import type { Clock } from '../ports/clock.ts';

/** Everything a consumer needs from the runtime. */
export interface ConsumerSurroundings {
  /** Default: the runtime's `fetch`. */
  readonly fetch: typeof fetch;
  readonly clock: Pick<Clock, 'monotonicMs' | 'schedule'>;
  /** A number in [0, 1), for the backoff. Default: `Math.random`. */
  readonly jitter: () => number;
}

export function runtimeSurroundings(replaced: Partial<ConsumerSurroundings> = {}): ConsumerSurroundings {
  return {
    // Called as a plain function: browsers refuse a `fetch` that is called as a method of something else.
    fetch: (input, init) => fetch(input, init),
    clock: createSystemClock(),
    jitter: () => Math.random(),
    ...replaced,
  };
}

/** Resolves after `delayMs`, or as soon as `signal` aborts. Never rejects. */
export function pause(
  clock: ConsumerSurroundings['clock'],
  delayMs: number,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const wake = (): void => {
      cancel();
      signal.removeEventListener('abort', wake);
      resolve();
    };
    const cancel = clock.schedule(delayMs, wake);
    signal.addEventListener('abort', wake);
  });
}
