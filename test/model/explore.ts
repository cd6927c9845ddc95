import { keyOf } from './canonical.ts';
import { describe, factsOf, INVARIANTS, isDrained, LIVENESS } from './invariants.ts';
import { movesOf } from './moves.ts';
import type { World } from './world.ts';

export interface Exploration {
  readonly states: number;
  readonly moves: number;
  /** The longest of the shortest ways to a state. */
  readonly depth: number;
  /** False when the search ended at `statesMax`. */
  readonly isComplete: boolean;
  readonly seconds: number;
  /** The first invariant that did not hold, with the shortest way there. */
  readonly violation: Violation | undefined;
  /** How often each fault struck. */
  readonly struck: ReadonlyMap<string, number>;
}

export interface ExploreOptions {
  readonly statesMax?: number;
  /** The invariants to look at; all when there are none. */
  readonly only?: readonly string[];
}

export interface Violation {
  readonly invariant: string;
  readonly problem: string;
  /** One line for each move. */
  readonly trace: readonly string[];
}

/**
 * Visits every state that the first one can lead to, nearest first, and holds each to the invariants; then asks of each
 * whether a way without faults leads to the end of all deliveries.
 */
export function explore(first: World, options: ExploreOptions = {}): Exploration {
  const startedAt = performance.now();
  const search = new Search(first, options);
  const violation = search.run() ?? search.findStuck();
  return {
    states: search.parents.length,
    moves: search.movesMade,
    depth: search.depth,
    isComplete: search.isComplete,
    seconds: (performance.now() - startedAt) / 1000,
    violation,
    struck: search.struck,
  };
}

class Search {
  readonly parents: number[] = [-1];
  readonly struck = new Map<string, number>();
  movesMade = 0;
  depth = 0;
  isComplete = true;
  readonly #first: World;
  readonly #statesMax: number;
  readonly #invariants: typeof INVARIANTS;
  readonly #looksForStuck: boolean;
  /** By state: which of its parent's moves led there. */
  readonly #places: number[] = [0];
  readonly #numbers = new Map<string, number>();
  /** Pairs of states, from and to, for every move that is no fault. */
  readonly #edges: number[] = [];
  readonly #drained: number[] = [];

  constructor(first: World, { statesMax = Number.POSITIVE_INFINITY, only }: ExploreOptions) {
    this.#first = first;
    this.#statesMax = statesMax;
    this.#invariants = INVARIANTS.filter(({ name }) => only?.includes(name) ?? true);
    this.#looksForStuck = only?.includes(LIVENESS) ?? true;
  }

  run(): Violation | undefined {
    this.#numbers.set(keyOf(this.#first), 0);
    let level: { readonly number: number; readonly world: World }[] = [{ number: 0, world: this.#first }];
    for (; level.length > 0; this.depth++) {
      const next: typeof level = [];
      for (const { number, world } of level) {
        for (const [place, move] of movesOf(world).entries()) {
          const reached = move.run();
          this.movesMade++;
          if (move.fault !== undefined) this.struck.set(move.fault, (this.struck.get(move.fault) ?? 0) + 1);
          const key = keyOf(reached);
          const known = this.#numbers.get(key);
          const to = known ?? this.parents.length;
          if (move.fault === undefined) this.#edges.push(number, to);
          if (known !== undefined) continue;
          if (to >= this.#statesMax) {
            this.isComplete = false;
            return undefined;
          }
          this.#numbers.set(key, to);
          this.parents.push(number);
          this.#places.push(place);
          const violation = this.#judge(reached, to);
          if (violation !== undefined) return violation;
          next.push({ number: to, world: reached });
        }
      }
      level = next;
    }
    this.depth--;
    return undefined;
  }

  #judge(world: World, number: number): Violation | undefined {
    const facts = factsOf(world);
    for (const { name, check } of this.#invariants) {
      const problem = check(world, facts);
      if (problem !== undefined) return { invariant: name, problem, trace: this.#traceTo(number) };
    }
    if (isDrained(world, facts)) this.#drained.push(number);
    return undefined;
  }

  /** A state from which no way without faults leads to the end: the nearest one. */
  findStuck(): Violation | undefined {
    if (!this.isComplete || !this.#looksForStuck) return undefined;
    const hasWay = this.#withWayToTheEnd();
    const stuck = hasWay.indexOf(0);
    if (stuck < 0) return undefined;
    const problem = 'no way without another fault leads from here to where everything is delivered';
    return { invariant: LIVENESS, problem, trace: this.#traceTo(stuck) };
  }

  #withWayToTheEnd(): Uint8Array {
    const count = this.parents.length;
    // Edges by where they lead, in one array: `starts[to]` is where those that lead to `to` begin.
    const starts = new Uint32Array(count + 1);
    for (let index = 1; index < this.#edges.length; index += 2) {
      const to = this.#edges[index] ?? 0;
      starts[to + 1] = (starts[to + 1] ?? 0) + 1;
    }
    for (let index = 0; index < count; index++)
      starts[index + 1] = (starts[index + 1] ?? 0) + (starts[index] ?? 0);
    const filled = starts.slice();
    const sources = new Uint32Array(this.#edges.length / 2);
    for (let index = 0; index < this.#edges.length; index += 2) {
      const to = this.#edges[index + 1] ?? 0;
      const at = filled[to] ?? 0;
      sources[at] = this.#edges[index] ?? 0;
      filled[to] = at + 1;
    }
    const hasWay = new Uint8Array(count);
    const waiting = [...this.#drained];
    for (const number of waiting) hasWay[number] = 1;
    for (let number = waiting.pop(); number !== undefined; number = waiting.pop()) {
      for (let index = starts[number] ?? 0; index < (starts[number + 1] ?? 0); index++) {
        const from = sources[index] ?? 0;
        if (hasWay[from] === 1) continue;
        hasWay[from] = 1;
        waiting.push(from);
      }
    }
    return hasWay;
  }

  /** Makes the moves again that led to a state, and says what each did. */
  #traceTo(number: number): string[] {
    const path: number[] = [];
    for (let at = number; at > 0; at = this.parents[at] ?? 0) path.unshift(this.#places[at] ?? 0);
    let world = this.#first;
    return path.map((place, index) => {
      const move = movesOf(world)[place];
      if (move === undefined) throw new Error(`move ${place} is not there when it is made again`);
      world = move.run();
      const step = String(index + 1).padStart(3);
      const fault = move.fault === undefined ? ' ' : '!';
      return `${step} ${fault} ${move.text}\n        ${describe(world, factsOf(world))}`;
    });
  }
}
