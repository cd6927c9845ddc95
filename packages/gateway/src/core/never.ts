/** A time that does not come: what waits until then waits for something else than time. In Unix milliseconds. */
export const NEVER = Number.MAX_SAFE_INTEGER;
