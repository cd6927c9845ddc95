import type { Rng } from '@fieldpost/protocol';

/** Faults that happen by themselves, each with its probability at every occasion. */
export type Noise = Readonly<Record<NoiseKind, number>>;

/** What can happen to one frame, request or answer on its way. */
export type NoiseKind =
  | 'frame-dropped'
  | 'frame-doubled'
  | 'frame-overtaken'
  | 'connection-cut'
  | 'connection-refused';

export const NO_NOISE: Noise = {
  'frame-dropped': 0,
  'frame-doubled': 0,
  'frame-overtaken': 0,
  'connection-cut': 0,
  'connection-refused': 0,
};

/** Counts faults: which were asked for, which wait for their occasion, which have happened. */
export class FaultBook {
  /** By kind, by place: how many wait there. */
  readonly #armed = new Map<string, Map<string, number>>();
  readonly #fired = new Map<string, number>();
  readonly #onFired: (kind: string) => void;
  #armedCount = 0;
  noise: Noise = NO_NOISE;

  constructor(onFired: (kind: string) => void) {
    this.#onFired = onFired;
  }

  /** By kind: how often each has happened. */
  get fired(): ReadonlyMap<string, number> {
    return this.#fired;
  }

  /** Kinds that wait for their occasion. */
  get waiting(): readonly string[] {
    return [...this.#armed].flatMap(([kind, places]) =>
      [...places].filter(([, count]) => count > 0).map(([place]) => `${kind} at ${place}`),
    );
  }

  get waitingCount(): number {
    return this.#armedCount;
  }

  get firedCount(): number {
    let sum = 0;
    for (const count of this.#fired.values()) sum += count;
    return sum;
  }

  /** A fault waits for its occasion at `place`. */
  arm(kind: string, place: string): void {
    const places = this.#armed.get(kind) ?? new Map<string, number>();
    this.#armed.set(kind, places);
    places.set(place, (places.get(place) ?? 0) + 1);
    this.#armedCount++;
  }

  /** An occasion at `place`: whether a fault of this kind, waiting there, happens. */
  takes(kind: string, place: string): boolean {
    if (this.#armedCount === 0) return false;
    const places = this.#armed.get(kind);
    const count = places?.get(place) ?? 0;
    if (places === undefined || count === 0) return false;
    places.set(place, count - 1);
    this.#armedCount--;
    this.happened(kind);
    return true;
  }

  /** The same for what can also happen by itself. */
  strikes(kind: NoiseKind, place: string, rng: Rng): boolean {
    if (this.takes(kind, place)) return true;
    const probability = this.noise[kind];
    if (probability === 0 || !rng.chance(probability)) return false;
    this.happened(kind);
    return true;
  }

  happened(kind: string): void {
    this.#fired.set(kind, (this.#fired.get(kind) ?? 0) + 1);
    this.#onFired(kind);
  }
}
