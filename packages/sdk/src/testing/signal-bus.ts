import type { Signals } from '../ports/signals.ts';

/**
 * Signals between the tabs of one test, without a browser. What is posted arrives in a microtask, at everybody else.
 *
 * @since 0.1.0
 */
export class SignalBus {
  readonly #hearers = new Set<{ readonly owner: Signals; readonly hear: (message: unknown) => void }>();

  /** The signals of one more tab. */
  join(): Signals {
    const hearers = this.#hearers;
    const signals: Signals = {
      post(message) {
        for (const hearer of hearers) {
          if (hearer.owner === signals) continue;
          queueMicrotask(() => {
            if (hearers.has(hearer)) hearer.hear(message);
          });
        }
      },
      subscribe(hear) {
        const hearer = { owner: signals, hear };
        hearers.add(hearer);
        return () => hearers.delete(hearer);
      },
      close() {
        for (const hearer of hearers) if (hearer.owner === signals) hearers.delete(hearer);
      },
    };
    return signals;
  }
}
