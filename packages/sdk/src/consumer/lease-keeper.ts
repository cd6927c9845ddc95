import type { HeldMessage } from './held-message.ts';
import type { SettleOutcome } from './settler.ts';
import type { ConsumerSurroundings } from './surroundings.ts';

/** Why a lease is no longer kept: work took too long, or the gateway did not take the renewal. */
export type LeaseEnd = 'renewed-enough' | 'not-renewed';

/** Renews the leases of what is held, all that are due in one go, and notices those that ended. One timer. */
export class LeaseKeeper {
  readonly #held = new Set<HeldMessage>();
  readonly #clock: ConsumerSurroundings['clock'];
  readonly #leaseMs: number;
  readonly #extend: (held: HeldMessage) => Promise<SettleOutcome>;
  readonly #ended: (held: HeldMessage, end: LeaseEnd) => void;
  #cancelTimer: (() => void) | undefined;

  constructor(options: {
    readonly clock: ConsumerSurroundings['clock'];
    readonly leaseMs: number;
    readonly extend: (held: HeldMessage) => Promise<SettleOutcome>;
    /** The lease is over, or will be, as far as this side knows. */
    readonly ended: (held: HeldMessage, end: LeaseEnd) => void;
  }) {
    this.#clock = options.clock;
    this.#leaseMs = options.leaseMs;
    this.#extend = options.extend;
    this.#ended = options.ended;
  }

  keep(held: HeldMessage): void {
    this.#held.add(held);
    this.#cancelTimer ??= this.#schedule();
  }

  /** Whether its lease goes on, as far as this side knows. */
  keeps(held: HeldMessage): boolean {
    return this.#held.has(held);
  }

  letGo(held: HeldMessage): void {
    this.#held.delete(held);
    if (this.#held.size === 0) this.stop();
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#held.clear();
  }

  /** The next look: at the earliest renewal or end. */
  #schedule(): (() => void) | undefined {
    let nextMs = Infinity;
    for (const held of this.#held)
      nextMs = Math.min(nextMs, held.renewing ? held.leaseEndsAtMs : held.renewAtMs);
    if (nextMs === Infinity) return undefined;
    return this.#clock.schedule(Math.max(0, nextMs - this.#clock.monotonicMs()), () => this.#look());
  }

  #look(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const held of this.#held) {
      if (nowMs >= held.leaseEndsAtMs) this.#end(held, 'not-renewed');
      else if (held.renewing || nowMs < held.renewAtMs) continue;
      else if (nowMs >= held.renewUntilMs) this.#end(held, 'renewed-enough');
      else this.#renew(held);
    }
    this.#cancelTimer?.();
    this.#cancelTimer = this.#schedule();
  }

  #end(held: HeldMessage, end: LeaseEnd): void {
    this.#held.delete(held);
    this.#ended(held, end);
  }

  #renew(held: HeldMessage): void {
    held.renewing = true;
    const concluded = (outcome: SettleOutcome): void => {
      held.renewing = false;
      if (!this.#held.has(held)) return;
      if (outcome === 'settled') {
        const nowMs = this.#clock.monotonicMs();
        held.leaseEndsAtMs = nowMs + this.#leaseMs;
        held.renewAtMs = nowMs + this.#leaseMs / 3;
      } else {
        this.#end(held, 'not-renewed');
      }
      this.#cancelTimer?.();
      this.#cancelTimer = this.#schedule();
    };
    this.#extend(held).then(concluded, () => concluded('lease-lost'));
  }
}
