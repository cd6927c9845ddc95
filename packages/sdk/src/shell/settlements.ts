import type { MessageId } from '@fieldpost/protocol';
import type { Delivery, Settled } from '../api/sent.ts';
import { settledStateOf } from '../core/outbox/settled-state.ts';
import type { Clock } from '../ports/clock.ts';
import type { HeardFate, OutboxStore } from '../ports/outbox-store.ts';

/** After a store that could not say what is known: ask again. */
const RETRY_MS = 1_000;

/** Tells who waits what became of messages behind their arrival: by this tab's own hearing, or by the store after another's. */
export class Settlements {
  readonly #store: Pick<OutboxStore, 'findAsked'>;
  readonly #clock: Clock;
  readonly #waiting = new Map<MessageId, ((settled: Settled) => void)[]>();
  #isClosed = false;

  constructor(store: Pick<OutboxStore, 'findAsked'>, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** What becomes of the message in the end, once it is known. Never rejects. */
  async wait(id: MessageId, delivered: Promise<Delivery>): Promise<Settled> {
    const delivery = await delivered;
    if (delivery.outcome !== 'delivered') return delivery;
    if (this.#isClosed) return CLOSED;
    return new Promise((resolve) => {
      const waiters = this.#waiting.get(id) ?? [];
      waiters.push(resolve);
      this.#waiting.set(id, waiters);
      // It may have been heard before anybody waited.
      this.#look(id);
    });
  }

  /** Fates are on the disk. */
  heard(fates: readonly HeardFate[]): void {
    for (const { id, fate } of fates) this.#resolve(id, settledBy(fate));
  }

  /** Another tab may have heard something. */
  look(): void {
    for (const id of this.#waiting.keys()) this.#look(id);
  }

  close(): void {
    this.#isClosed = true;
    for (const id of this.#waiting.keys()) this.#resolve(id, CLOSED);
  }

  #look(id: MessageId): void {
    this.#store.findAsked(id).then(
      (found) => {
        if (found?.fate !== undefined) this.#resolve(id, settledBy(found.fate));
      },
      () => {
        if (!this.#isClosed)
          this.#clock.schedule(RETRY_MS, () => {
            if (this.#waiting.has(id)) this.#look(id);
          });
      },
    );
  }

  #resolve(id: MessageId, settled: Settled): void {
    const waiters = this.#waiting.get(id) ?? [];
    this.#waiting.delete(id);
    for (const resolve of waiters) resolve(settled);
  }
}

/** A fate as the app is told of it. */
export function settledBy({ code, reason, endedAt }: HeardFate['fate']): Settled {
  const why = reason === undefined ? {} : { reason };
  return { outcome: settledStateOf(code), code, ...why, endedAt };
}

const CLOSED: Settled = { outcome: 'closed' };
