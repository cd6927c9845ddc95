import type { Arrival, HandOut } from '../history.ts';
import type { Checker } from './checker.ts';

/** Queue to consumer: what nobody had yet is handed out by priority, and then in order of arrival, and nothing is passed over. */
export const queueOrder: Checker = {
  name: 'queue-order',
  about: 'Messages are handed out for the first time by priority, then in order of arrival.',
  check: ({ history }) => {
    const model = new FreshMessages();
    const events = [
      ...history.arrivals.map((arrival) => ({ sequence: arrival.sequence, arrival })),
      ...history.handOuts.map((handOut) => ({ sequence: handOut.sequence, handOut })),
      ...history.backups.map((backup) => ({ sequence: backup.sequence, backup })),
    ].toSorted((one, other) => one.sequence - other.sequence);
    for (const event of events) {
      if ('arrival' in event) model.arrive(event.arrival);
      else if ('handOut' in event) model.handOut(event.handOut);
      else if (event.backup.type === 'went-back') model.forget();
    }
    model.endBatch();
    return model.wrongs;
  },
};

/** What arrived and was never handed out: nothing but the order keeps it back. */
class FreshMessages {
  readonly wrongs: string[] = [];
  #fresh = new Map<string, Arrival>();
  readonly #known = new Map<string, Arrival>();
  readonly #handedOut = new Set<string>();
  #batch: HandOut[] = [];

  arrive(arrival: Arrival): void {
    this.endBatch();
    this.#known.set(arrival.id, arrival);
    if (!this.#handedOut.has(arrival.id)) this.#fresh.set(arrival.id, arrival);
  }

  handOut(handOut: HandOut): void {
    if (this.#batch[0]?.batch !== handOut.batch) this.endBatch();
    this.#batch.push(handOut);
  }

  /** A store that went back holds older things, whose places nobody here knows. */
  forget(): void {
    this.endBatch();
    this.#fresh.clear();
    this.#known.clear();
  }

  endBatch(): void {
    const batch = this.#batch;
    this.#batch = [];
    for (const { id } of batch) {
      this.#fresh.delete(id);
      this.#handedOut.add(id);
    }
    const arrivals = batch.flatMap(({ id }) => this.#known.get(id) ?? []);
    for (const [index, arrival] of arrivals.entries()) {
      const before = arrivals[index - 1];
      if (before !== undefined && goesBefore(arrival, before))
        this.wrongs.push(`${arrival.queue}: ${before.id} was handed out before ${arrival.id}`);
    }
    const last = arrivals.at(-1);
    if (last === undefined) return;
    for (const passed of this.#fresh.values())
      if (passed.queue === last.queue && goesBefore(passed, last))
        this.wrongs.push(`${last.queue}: ${last.id} was handed out, and ${passed.id} passed over`);
  }
}

function goesBefore(one: Arrival, other: Arrival): boolean {
  return one.priority === other.priority ? one.sequence < other.sequence : one.priority > other.priority;
}
