import type { Clock } from '../ports/clock.ts';

/** Node's timers fire at once when asked for more than this. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** The machine's clock and timers. Timers do not keep the process alive. */
export function createSystemClock(): Clock {
  return {
    now: () => Date.now(),
    schedule(delayMs, wake) {
      let timer: NodeJS.Timeout;
      const arm = (leftMs: number): void => {
        const stepMs = Math.min(Math.max(0, leftMs), TIMER_MS_MAX);
        timer = setTimeout(() => {
          if (leftMs > stepMs) arm(leftMs - stepMs);
          else wake();
        }, Math.ceil(stepMs));
        timer.unref();
      };
      arm(delayMs);
      return () => clearTimeout(timer);
    },
  };
}
