import type { Clock } from '../ports/clock.ts';

/**
 * A clock that moves when it is told to: hours pass in a test at once, and in every run alike.
 *
 * @since 0.1.0
 */
export class ManualClock implements Clock {
  #monotonicMs = 0;
  #wallMs: number;
  #timers: Timer[] = [];
  #scheduled = 0;

  /** @param wallMs the Unix milliseconds at which it begins */
  constructor(wallMs = Date.UTC(2026, 0, 1)) {
    this.#wallMs = wallMs;
  }

  wallMs(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  schedule(delayMs: number, wake: () => void): () => void {
    const timer: Timer = { at: this.#monotonicMs + Math.max(0, delayMs), order: ++this.#scheduled, wake };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** How long until the next timer is due, in milliseconds; undefined when there is none. */
  get nextInMs(): number | undefined {
    const next = this.#next();
    return next === undefined ? undefined : Math.max(0, next.at - this.#monotonicMs);
  }

  /** Lets time pass, and calls every timer that becomes due, at its time. */
  advance(milliseconds: number): void {
    const target = this.#monotonicMs + milliseconds;
    for (let next = this.#next(); next !== undefined && next.at <= target; next = this.#next()) {
      this.#moveTo(next.at);
      this.#timers = this.#timers.filter((timer) => timer !== next);
      next.wake();
    }
    this.#moveTo(target);
  }

  /** Sets the wall clock forward or back; the monotonic one does not notice. */
  jumpWall(milliseconds: number): void {
    this.#wallMs += milliseconds;
  }

  #next(): Timer | undefined {
    return this.#timers.reduce<Timer | undefined>(
      (first, timer) =>
        first === undefined || timer.at < first.at || (timer.at === first.at && timer.order < first.order)
          ? timer
          : first,
      undefined,
    );
  }

  #moveTo(monotonicMs: number): void {
    const passed = Math.max(0, monotonicMs - this.#monotonicMs);
    this.#monotonicMs += passed;
    this.#wallMs += passed;
  }
}

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly wake: () => void;
}
