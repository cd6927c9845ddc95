/**
 * Moments at which trying again at once may be worth it: the network seems back, the page is looked at again, it came out
 * of the back/forward cache. Never trusted: wrong in both directions, only ever a reason to try earlier.
 */
export interface Hints {
  /** Returns the way to stop. */
  subscribe(hear: () => void): () => void;
}
