/** A seeded source of randomness for simulations, tests and seeded workloads: never for ids or keys in production. */
export interface Rng {
  /** A number in [0, 1). */
  next(): number;
  /** A whole number in [0, below). */
  below(below: number): number;
  /** True with the given probability. */
  chance(probability: number): boolean;
  /** One of the items. */
  pick<T>(items: readonly [T, ...T[]] | readonly T[]): T;
  /** `length` random bytes. */
  bytes(length: number): Uint8Array<ArrayBuffer>;
  /** An independent source for a named part, so that a new draw in one part reshuffles no other. */
  fork(name: string): Rng;
}

/** A {@link Rng} of a seed: the same seed gives the same draws on every machine. */
export function createRng(seed: string | number): Rng {
  let state = hash(String(seed));
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    next,
    below,
    chance: (probability) => next() < probability,
    pick: (items) => {
      const item = items[below(items.length)];
      if (item === undefined) throw new RangeError('pick from an empty list');
      return item;
    },
    bytes: (length) => Uint8Array.from({ length }, () => below(256)),
    fork: (name) => createRng(`${seed}/${name}`),
  };
}

/** FNV-1a with a final mix: spreads similar seeds far apart. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++)
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  value ^= value >>> 16;
  value = Math.imul(value, 0x85ebca6b);
  return value ^ (value >>> 13);
}
