/** The longest lease that can be asked for. */
export const LEASE_MS_MAX = 12 * 60 * 60 * 1000;
/** The longest pause behind a delivery that failed, of a queue's settings or a consumer's word. */
export const RETRY_DELAY_MS_MAX = 7 * 24 * 60 * 60 * 1000;

/**
 * Whether a message that was handed out is held for longer than anybody can ask for. Then it was handed out, or given back,
 * under a clock that was ahead and has been set right since: without this it would be held until that time has really come.
 *
 * @param until the end of its lease, or of its pause
 */
export function isHeldTooLong(
  hold: { readonly isLeased: boolean; readonly until: number },
  now: number,
): boolean {
  return hold.until > now + (hold.isLeased ? LEASE_MS_MAX : RETRY_DELAY_MS_MAX);
}
