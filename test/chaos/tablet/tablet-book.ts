import { compareLedger } from '../../checkers/ledger.ts';
import { findOutOfOrder } from '../../checkers/order.ts';

interface Lane {
  readonly queue: string;
  /** Known to be saved. */
  readonly saved: number[];
  /** Saves that failed with an outcome that may be either. */
  readonly refused: Map<number, string>;
}

/** Two bursts of the page: saved, and not yet reported. */
const IN_FLIGHT_MAX = 16;

/** What tabs saved, each tab's run a lane of its own, and whether the gateway has it. */
export class TabletBook {
  checked = 0;
  readonly #lanes = new Map<string, Lane>();

  /** A new lane. */
  open(lane: string, queue: string): void {
    this.#lanes.set(lane, { queue, saved: [], refused: new Map() });
  }

  saved(lane: string, numbers: readonly number[]): void {
    this.#lanes.get(lane)?.saved.push(...numbers);
  }

  refused(lane: string, number: number, code: string): void {
    this.#lanes.get(lane)?.refused.set(number, code);
  }

  /** How many of a queue were saved. */
  savedIn(queue: string): number {
    return this.#of(queue).reduce((sum, [, { saved }]) => sum + saved.length, 0);
  }

  refusedIn(queue: string): number {
    return this.#of(queue).reduce((sum, [, { refused }]) => sum + refused.size, 0);
  }

  /** Tells of a key whether it was saved by now, or was being saved. */
  savedSoFar(queue: string): (key: string) => boolean {
    const last = new Map(
      this.#of(queue).map(([lane, { saved }]) => [lane, Math.max(0, ...saved) + IN_FLIGHT_MAX]),
    );
    return (key) => {
      const colon = key.lastIndexOf(':');
      return Number(key.slice(colon + 1)) <= (last.get(key.slice(0, colon)) ?? 0);
    };
  }

  /** Whether these are, of each lane that lacks any, the last that were saved: a hole is not. */
  areNewest(missing: readonly string[]): boolean {
    const lacking = new Set(missing);
    return [...this.#lanes].every(([lane, { saved }]) => {
      const numbers = saved.toSorted((left, right) => left - right);
      const first = numbers.findIndex((number) => lacking.has(`${lane}:${number}`));
      return first < 0 || numbers.slice(first).every((number) => lacking.has(`${lane}:${number}`));
    });
  }

  /**
   * Compares a queue with what its lanes saved. What was sent and never reported as saved, because its tab died first,
   * may be there or not; once at most, and in order.
   *
   * @param mayLack of what was saved, this may be missing
   */
  check(
    queue: string,
    bodies: readonly unknown[],
    mayLack: (key: string) => boolean = () => false,
  ): readonly string[] {
    const lanes = new Map<string, string[]>();
    const known = new Set<string>();
    for (const [lane, { saved }] of this.#of(queue)) {
      for (const number of saved) known.add(`${lane}:${number}`);
      const highest = bodies.reduce<number>(
        (most, body) => Math.max(most, laneOf(body) === lane ? numberOf(body) : 0),
        0,
      );
      const last = Math.max(highest, ...saved);
      lanes.set(
        lane,
        Array.from({ length: last }, (_, index) => `${lane}:${index + 1}`),
      );
    }
    const keys = bodies.map(keyOf);
    const { lost, duplicated, unexpected } = compareLedger(lanes, keys);
    const outOfOrder = findOutOfOrder(
      lanes,
      bodies.map((body) => ({ key: keyOf(body), lane: laneOf(body) })),
    );
    this.checked += known.size;
    return [
      ...lost.flatMap(({ key, place }) =>
        known.has(key) && !mayLack(key) ? [`${key} is lost (${place})`] : [],
      ),
      ...duplicated.map(({ key, surplus }) => `${key} is there ${surplus + 1} times`),
      ...unexpected.map((key) => `${key} was never sent`),
      ...outOfOrder.map(({ key, after }) => `${key} came after ${after}`),
      ...bodies.flatMap((body) =>
        isWhole(body) ? [] : [`${keyOf(body)} was changed: ${JSON.stringify(body)}`],
      ),
    ];
  }

  #of(queue: string): readonly (readonly [string, Lane])[] {
    return [...this.#lanes].filter(([, lane]) => lane.queue === queue);
  }
}

function isWhole(body: unknown): boolean {
  const filler = `${keyOf(body)} `.repeat(1 + (numberOf(body) % 19));
  return Reflect.get(Object(body), 'filler') === filler;
}

function keyOf(body: unknown): string {
  return `${laneOf(body)}:${numberOf(body)}`;
}

function laneOf(body: unknown): string {
  return String(Reflect.get(Object(body), 'lane'));
}

function numberOf(body: unknown): number {
  return Number(Reflect.get(Object(body), 'number'));
}
