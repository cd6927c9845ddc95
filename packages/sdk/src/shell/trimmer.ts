import type { Clock } from '../ports/clock.ts';
import type { OutboxStore } from '../ports/outbox-store.ts';

/** After a settlement, and at most once in this time. */
const PAUSE_MS = 60_000;

/** Has delivered messages removed when they are old or many. Only the tab that settles does it. */
export class Trimmer {
  readonly #options: {
    readonly store: OutboxStore;
    readonly clock: Clock;
    readonly keepMs: number;
    readonly keepBytes: number;
  };
  #cancel: (() => void) | undefined;
  #isStopped = false;

  constructor(options: {
    readonly store: OutboxStore;
    readonly clock: Clock;
    readonly keepMs: number;
    readonly keepBytes: number;
  }) {
    this.#options = options;
  }

  /** Something was settled: there will be something to trim. */
  settled(): void {
    if (this.#cancel !== undefined || this.#isStopped) return;
    this.#cancel = this.#options.clock.schedule(PAUSE_MS, () => {
      this.#cancel = undefined;
      this.#trim();
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }

  #trim(): void {
    if (this.#isStopped) return;
    const { store, clock, keepMs, keepBytes } = this.#options;
    // What could not be removed is removed next time.
    store.trim({ savedBefore: clock.wallMs() - keepMs, keepBytes }).catch(() => undefined);
  }
}
