/** The device's time: two clocks that must not be confused, and one timer. */
export interface Clock {
  /** Unix milliseconds; may jump by years in either direction. */
  wallMs(): number;
  /** Milliseconds since some moment of this start; never goes back. */
  monotonicMs(): number;
  /** Calls `wake` once, not before `delayMs` milliseconds have passed. Returns the way to call it off. */
  schedule(delayMs: number, wake: () => void): () => void;
}
