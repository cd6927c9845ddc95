/** The gateway's time. */
export interface Clock {
  /** Unix milliseconds. */
  now(): number;
  /** Calls `wake` once, not before `delayMs` milliseconds have passed. Returns the way to call it off. */
  schedule(delayMs: number, wake: () => void): () => void;
}
