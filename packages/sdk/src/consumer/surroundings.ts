import { createSystemClock } from '../adapters/browser/system-clock.ts';
import type { Clock } from '../ports/clock.ts';

/** Everything a consumer needs from the runtime. */
export interface ConsumerSurroundings {
  /** Default: the runtime's `fetch`. */
  readonly fetch: typeof fetch;
  readonly clock: Pick<Clock, 'monotonicMs' | 'schedule'>;
  /** A number in [0, 1), for the backoff. Default: `Math.random`. */
  readonly jitter: () => number;
  /** Calls `wake` when what runs now, and what follows from it at once, is done. Default: the event loop's next turn. */
  readonly nextTurn: (wake: () => void) => void;
}

export function runtimeSurroundings(replaced: Partial<ConsumerSurroundings> = {}): ConsumerSurroundings {
  const { clock = createSystemClock() } = replaced;
  return {
    // Called as a plain function: browsers refuse a `fetch` that is called as a method of something else.
    fetch: (input, init) => fetch(input, init),
    clock,
    jitter: () => Math.random(),
    // Whoever brings a clock of his own decides about turns, too.
    nextTurn: replaced.clock === undefined ? nextTurn : (wake) => void clock.schedule(0, wake),
    ...replaced,
  };
}

/** Of Node, and of those who do as Node does. */
declare const setImmediate: ((wake: () => void) => unknown) | undefined;

/** Node's own way comes at once, where a timer would wait for a millisecond; browsers have timers alone. */
function nextTurn(wake: () => void): void {
  if (typeof setImmediate === 'function') setImmediate(wake);
  else setTimeout(wake, 0);
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
