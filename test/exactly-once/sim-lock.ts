import type { LeaderLock } from '@fieldpost/sdk/testing';

/** The Web Lock of one origin: one holder at a time, in the order of asking. A frozen holder keeps it. */
export class SimLock implements LeaderLock {
  readonly #waiting: { readonly held: () => void }[] = [];

  acquire(_: string, listener: { held(): void; lost(): void }): () => void {
    const entry = { held: () => listener.held() };
    this.#waiting.push(entry);
    if (this.#waiting[0] === entry) queueMicrotask(entry.held);
    return () => {
      const index = this.#waiting.indexOf(entry);
      if (index === -1) return;
      this.#waiting.splice(index, 1);
      const next = this.#waiting[0];
      if (index === 0 && next !== undefined) queueMicrotask(next.held);
    };
  }
}

/** A lock that everybody believes to hold: then the lease decides alone. */
export const LOCK_OF_EVERYBODY: LeaderLock = {
  acquire(_, listener) {
    queueMicrotask(() => listener.held());
    return () => undefined;
  },
};
