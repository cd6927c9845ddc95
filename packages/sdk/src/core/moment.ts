import type { Instant } from '@fieldpost/protocol';

/** What a machine may know of the outside at a step: two clocks, and a draw for its backoff. */
export interface Moment {
  /** The monotonic clock: deadlines are instants of it. */
  readonly now: Instant;
  /** Unix milliseconds of the device; may jump, so only ages and the lease use it. */
  readonly wallMs: number;
  /** A number in [0, 1). */
  readonly jitter: number;
}
