import type { Clock } from '../ports/clock.ts';
import type { OutboxStore } from '../ports/outbox-store.ts';

/** After a settlement, and at most once in this time. */
const PAUSE_MS = 60_000;
const DAY_MS = 24 * 3_600_000;
/** A message may lie in its queue for long, and be asked after when its fate is known. */
const KEEP_WAITING_MS = 180 * DAY_MS;
const KEEP_HEARD_MS = 30 * DAY_MS;

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
    const now = clock.wallMs();
    store.trim({ savedBefore: now - keepMs, keepBytes }).catch(() => undefined);
    store
      .forgetAsked({ savedBefore: now - KEEP_WAITING_MS, heardBefore: now - KEEP_HEARD_MS })
      .catch(() => undefined);
  }
}
