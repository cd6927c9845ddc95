import { type EpochId, type StreamKey, streamKeyText } from '@fieldpost/protocol';
import type { Delivery } from '../api/sent.ts';
import { stateOfCode } from '../core/outbox/fate-state.ts';
import type { Clock } from '../ports/clock.ts';
import type { DeadLetter, NumberRange, OutboxStore, SettledFate, StreamMark } from '../ports/outbox-store.ts';

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

  /**
   * Streams have been settled, or messages will never be sent. `deadLetters` undefined: by another tab, and the store knows
   * what was set aside.
   */
  settled({ marks, deadLetters, fates }: Settled): void {
    if (deadLetters !== undefined && this.#unresolved.length === 0) {
      this.#apply(marks, deadLetters, fates);
      return;
    }
    this.#apply([], deadLetters ?? [], fates);
    this.#unresolved.push(...marks);
    if (marks.length > 0) this.#resolveLater();
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
    Promise.all([this.#store.listDeadLetters(), this.#store.listFates(this.#rangesOf(marks))]).then(
      ([deadLetters, fates]) => {
        this.#isResolving = false;
        this.#unresolved.splice(0, marks.length);
        this.#apply(marks, deadLetters, fates);
        if (this.#unresolved.length > 0) this.#resolveLater();
      },
      () => {
        this.#isResolving = false;
        if (!this.#isClosed) this.#clock.schedule(RETRY_MS, () => this.#resolveLater());
      },
    );
  }

  /** Of all streams that somebody here asks of, what may have become of the numbers that the marks pass. */
  #rangesOf(marks: readonly StreamMark[]): NumberRange[] {
    const ranges: NumberRange[] = [];
    for (const { stream, acknowledged } of marks) {
      const first = (this.#concerned(stream)?.acknowledged ?? acknowledged) + 1;
      if (first <= acknowledged) ranges.push({ stream, first, last: acknowledged });
    }
    return ranges;
  }

  #apply(
    marks: readonly StreamMark[],
    deadLetters: readonly DeadLetter[],
    others: readonly SettledFate[],
  ): void {
    const touched = new Set<StreamFates>();
    // What a letter says is more than its code.
    for (const { stream, number, code } of others) {
      const fates = this.#concerned(stream);
      if (fates !== undefined) touched.add(fates);
      if (fates?.setAside.has(number) === false) fates.setAside.set(number, deliveryOf(code));
    }
    for (const { stream, number, state, code } of deadLetters)
      this.#concerned(stream)?.setAside.set(number, { outcome: state, code });
    for (const { stream, acknowledged } of marks) {
      const fates = this.#concerned(stream);
      if (fates === undefined) continue;
      fates.acknowledged = Math.max(fates.acknowledged, acknowledged);
      touched.add(fates);
    }
    for (const fates of touched) resolveKnown(fates);
  }

  /** What is known of a stream, if anybody here asks or will ask. */
  #concerned(stream: StreamKey): StreamFates | undefined {
    return this.#followed.has(stream.epoch)
      ? this.#fatesOf(stream)
      : this.#streams.get(streamKeyText(stream));
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

interface Settled {
  readonly marks: readonly StreamMark[];
  readonly deadLetters: readonly DeadLetter[] | undefined;
  readonly fates: readonly SettledFate[];
}

/** Tells those who wait for a message of which it is known what became of it. */
function resolveKnown(fates: StreamFates): void {
  const { acknowledged, setAside, waiters } = fates;
  const isKnown = (number: number): boolean => number <= acknowledged || setAside.has(number);
  fates.waiters = waiters.filter(({ number }) => !isKnown(number));
  for (const { number, resolve } of waiters) if (isKnown(number)) resolve(setAside.get(number) ?? DELIVERED);
}

function deliveryOf(code: string): Delivery {
  const outcome = stateOfCode(code);
  return outcome === 'cancelled' ? { outcome } : { outcome, code };
}

interface StreamFates {
  acknowledged: number;
  readonly setAside: Map<number, Delivery>;
  waiters: { readonly number: number; readonly resolve: (delivery: Delivery) => void }[];
}

const DELIVERED: Delivery = { outcome: 'delivered' };
const CLOSED: Delivery = { outcome: 'closed' };
