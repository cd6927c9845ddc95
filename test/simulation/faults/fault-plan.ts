import type { Rng } from '@fieldpost/protocol';
import type { World } from '../world.ts';
import { ALL_FAULTS } from './all-faults.ts';
import type { FaultKind } from './fault.ts';

/** A fault that finds nothing to happen to is tried again after this, and a bit. */
const RETRY_MS = 500;

/** Brings the faults of a seed about, each at its drawn time. */
export class FaultPlan {
  readonly #world: World;
  readonly #rng: Rng;
  #open = 0;
  #isOver = false;

  constructor(world: World, rng: Rng) {
    this.#world = world;
    this.#rng = rng;
  }

  /** Faults whose time has not come, or that found nothing to happen to. */
  get open(): number {
    return this.#open;
  }

  begin(kinds: readonly string[], count: number, withinMs: number): void {
    if (count === 0) return;
    const left = new Map(kinds.map(faultNamed).map((kind) => [kind, kind.most ?? count]));
    for (let index = 0; index < count && left.size > 0; index++) {
      const kind = this.#rng.pick([...left.keys()]);
      const more = (left.get(kind) ?? 0) - 1;
      if (more > 0) left.set(kind, more);
      else left.delete(kind);
      this.#open++;
      this.#world.timeline.schedule(this.#rng.below(withinMs), () => this.#strike(kind));
    }
  }

  end(): void {
    this.#isOver = true;
  }

  #strike(kind: FaultKind): void {
    if (this.#isOver) return;
    const strike = kind.strike(this.#world, this.#rng);
    this.#world.trace.note(this.#world.timeline.nowMs, 'fault', kind.name, strike);
    switch (strike) {
      case 'fired':
        this.#open--;
        this.#world.book.happened(kind.name);
        return;
      case 'armed':
        this.#open--;
        return;
      case 'not-now':
        this.#world.timeline.schedule(RETRY_MS + this.#rng.below(RETRY_MS), () => this.#strike(kind));
    }
  }
}

/** @throws RangeError naming the kinds there are */
export function faultNamed(name: string): FaultKind {
  const found = ALL_FAULTS.find((kind) => kind.name === name);
  if (found !== undefined) return found;
  throw new RangeError(`there is no fault "${name}": ${ALL_FAULTS.map((kind) => kind.name).join(', ')}`);
}
