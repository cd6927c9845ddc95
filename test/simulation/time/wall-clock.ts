import type { Timeline } from './timeline.ts';

/** When the worlds begin: always at the same moment, whichever it is. */
const WORLD_BEGINS_AT = Date.UTC(2026, 0, 1);

/** What one machine takes the time for: it may be set, and run fast or slow. */
export class WallClock {
  readonly #timeline: Timeline;
  #offsetMs = 0;

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  /** Unix milliseconds, as this machine believes; whole, as `Date.now()` gives them. */
  now(): number {
    return WORLD_BEGINS_AT + Math.floor(this.#timeline.nowMs) + this.#offsetMs;
  }

  /** Sets the clock forward or back. */
  jump(milliseconds: number): void {
    this.#offsetMs += milliseconds;
  }

  /** Sets it right. */
  correct(): void {
    this.#offsetMs = 0;
  }
}
