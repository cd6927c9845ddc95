import type { Clock } from '../../ports/clock.ts';

/** Longer delays overflow a timer's 32 bits and fire at once. */
const DELAY_MAX_MS = 2 ** 31 - 1;

/** The clocks and timers of the page, the worker or the process. */
export function createSystemClock(): Clock {
  return {
    wallMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    schedule(delayMs, wake) {
      const timer = setTimeout(wake, Math.min(delayMs, DELAY_MAX_MS));
      return () => clearTimeout(timer);
    },
  };
}
