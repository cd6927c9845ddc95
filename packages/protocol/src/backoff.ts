import { LIMITS } from './limits.ts';

/**
 * The delay before attempt `attempt` (1 is the first retry) with exponential growth and full jitter: uniform between 0
 * and the ceiling, so that thousands of devices do not come back together.
 *
 * @param jitter a random number in [0, 1)
 * @see "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: full jitter needs the fewest calls
 */
export function backoffDelayMs(
  attempt: number,
  jitter: number,
  firstMs: number = LIMITS.backoffFirstMs,
  maxMs: number = LIMITS.backoffMaxMs,
): number {
  const ceilingMs = Math.min(maxMs, firstMs * 2 ** Math.min(attempt - 1, 30));
  return Math.floor(jitter * ceilingMs);
}
