/** How slow the way is. Both apply to each direction by itself. */
export interface LinkConditions {
  /** One way, so a round trip takes twice as long. Default 0. */
  readonly delayMs?: number;
  /** Shared by all connections of the proxy. Default: no limit. */
  readonly bytesPerSecond?: number;
}

/** One direction of a line: tells when bytes that are put on it now come out at the far end. */
export interface Link {
  /** True when bytes come out at once, so that nothing has to be scheduled. */
  readonly immediate: boolean;
  /** Puts `bytes` on the line behind all that is on it; returns the milliseconds (of `performance.now`) when they arrive. */
  put(bytes: number, nowMs: number): number;
}

export function createLink({ delayMs = 0, bytesPerSecond = Infinity }: LinkConditions): Link {
  let freeAtMs = 0;
  return {
    immediate: delayMs === 0 && bytesPerSecond === Infinity,
    put: (bytes, nowMs) => {
      freeAtMs = Math.max(freeAtMs, nowMs) + (bytes * 1000) / bytesPerSecond;
      return freeAtMs + delayMs;
    },
  };
}
