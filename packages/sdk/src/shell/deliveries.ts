import { type EpochId, type StreamKey, streamKeyText } from '@fieldpost/protocol';
import type { Delivery } from '../api/sent.ts';
import type { Clock } from '../ports/clock.ts';
import type { DeadLetter, OutboxStore, StreamMark } from '../ports/outbox-store.ts';

/** After a store that could not say what was set aside: ask again. */
const RETRY_MS = 1_000;

/**
 * Tells those who wait what became of their messages. Nobody is told anything before the store holds it; and nothing
 * passes for delivered before it is known that it was not set aside.
 */
export class Deliveries {
  readonly #store: OutboxStore;
  readonly #clock: Clock;
  readonly #streams = new Map<string, StreamFates>();
  readonly #unresolved: StreamMark[] = [];
  #isResolving = false;
  #isClosed = false;

  constructor(store: OutboxStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** From now on every settlement of this epoch is heard of here, whoever waits. */
  follow(epoch: EpochId): void {
    this.#followed.add(epoch);
  }

  readonly #followed = new Set<EpochId>();

  /** What became of the message, once it is known. Never rejects. */
  wait(stream: StreamKey, number: number): Promise<Delivery> {
    const fates = this.#fatesOf(stream);
    const known = fates.setAside.get(number);
    if (known !== undefined) return Promise.resolve(known);
    if (number <= fates.acknowledged) return Promise.resolve(DELIVERED);
    if (this.#isClosed) return Promise.resolve(CLOSED);
    return new Promise((resolve) => {
      fates.waiters.push({ number, resolve });
    });
  }

  /** Streams have been settled. `deadLetters` undefined: by another tab, and the store knows what was set aside. */
  settled(marks: readonly StreamMark[], deadLetters: readonly DeadLetter[] | undefined): void {
    if (deadLetters !== undefined && this.#unresolved.length === 0) {
      this.#apply(marks, deadLetters);
      return;
    }
    this.#unresolved.push(...marks);
    this.#resolveLater();
  }

  close(): void {
    this.#isClosed = true;
    for (const fates of this.#streams.values()) {
      for (const waiter of fates.waiters.splice(0)) waiter.resolve(CLOSED);
    }
  }

  #resolveLater(): void {
    if (this.#isResolving || this.#isClosed) return;
    this.#isResolving = true;
    const marks = [...this.#unresolved];
    this.#store.listDeadLetters().then(
      (deadLetters) => {
        this.#isResolving = false;
        this.#unresolved.splice(0, marks.length);
        this.#apply(marks, deadLetters);
        if (this.#unresolved.length > 0) this.#resolveLater();
      },
      () => {
        this.#isResolving = false;
        if (!this.#isClosed) this.#clock.schedule(RETRY_MS, () => this.#resolveLater());
      },
    );
  }

  #apply(marks: readonly StreamMark[], deadLetters: readonly DeadLetter[]): void {
    for (const letter of deadLetters) {
      const fates = this.#streams.get(streamKeyText(letter.stream));
      if (fates !== undefined || this.#followed.has(letter.stream.epoch)) {
        this.#fatesOf(letter.stream).setAside.set(letter.number, {
          outcome: letter.state,
          code: letter.code,
        });
      }
    }
    for (const mark of marks) {
      const fates = this.#followed.has(mark.stream.epoch)
        ? this.#fatesOf(mark.stream)
        : this.#streams.get(streamKeyText(mark.stream));
      if (fates === undefined) continue;
      fates.acknowledged = Math.max(fates.acknowledged, mark.acknowledged);
      const waiting = fates.waiters;
      fates.waiters = waiting.filter(({ number }) => number > fates.acknowledged);
      for (const { number, resolve } of waiting) {
        if (number <= fates.acknowledged) resolve(fates.setAside.get(number) ?? DELIVERED);
      }
    }
  }

  #fatesOf(stream: StreamKey): StreamFates {
    const text = streamKeyText(stream);
    let fates = this.#streams.get(text);
    if (fates === undefined) {
      fates = { acknowledged: 0, setAside: new Map(), waiters: [] };
      this.#streams.set(text, fates);
    }
    return fates;
  }
}

interface StreamFates {
  acknowledged: number;
  readonly setAside: Map<number, Delivery>;
  waiters: { readonly number: number; readonly resolve: (delivery: Delivery) => void }[];
}

const DELIVERED: Delivery = { outcome: 'delivered' };
const CLOSED: Delivery = { outcome: 'closed' };
