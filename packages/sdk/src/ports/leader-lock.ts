/** One holder at a time among the tabs and workers of an origin. A frozen tab may keep it: the lease in the store decides with it. */
export interface LeaderLock {
  /** Waits for the lock and calls `held` when it has it; `lost` when it is taken away. Returns the way to give it up. */
  acquire(name: string, listener: { held(): void; lost(): void }): () => void;
}
