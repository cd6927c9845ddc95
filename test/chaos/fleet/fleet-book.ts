import { findChangedBodies } from '../../checkers/bodies.ts';
import { compareLedger } from '../../checkers/ledger.ts';
import { findOutOfOrder } from '../../checkers/order.ts';
import type { FleetBody } from './fleet-device.ts';

/** One hand-out, as the consumer saw it. */
export interface HandOut {
  readonly body: FleetBody;
  /** Where the message stands in its queue: two arrivals never share a place. */
  readonly place: number;
}

/** What the devices saved and what the office was given and settled, from one check to the next. */
export class FleetBook {
  /** Messages checked so far. */
  checked = 0;
  /** Settlements of which nobody heard what came of them. */
  unknown = 0;
  #sent = new Map<string, FleetBody>();
  #arrivals = new Map<string, HandOut>();
  #arrivedKeys = new Set<string>();
  readonly #settled = new Set<string>();
  readonly #problems: string[] = [];

  get sent(): number {
    return this.#sent.size;
  }

  get arrived(): number {
    return this.#arrivedKeys.size;
  }

  saved(body: FleetBody): void {
    this.#sent.set(body.key, body);
  }

  handedOut(handOut: HandOut): void {
    const { key } = handOut.body;
    if (this.#settled.has(key)) this.#problems.push(`${key} was handed out again after it was settled`);
    this.#arrivals.set(`${key}@${handOut.place}`, handOut);
    this.#arrivedKeys.add(key);
  }

  /** The gateway said that it is settled. */
  settled(key: string): void {
    this.#settled.add(key);
  }

  /** Whether everything that was saved has been handed out. */
  isComplete(): boolean {
    for (const key of this.#sent.keys()) if (!this.#arrivedKeys.has(key)) return false;
    return true;
  }

  /** Compares everything since the last check, and forgets it. Empty when all is well. */
  check(): readonly string[] {
    const lanes = new Map<string, string[]>();
    for (const { lane, key } of [...this.#sent.values()].toSorted(
      (left, right) => left.number - right.number,
    )) {
      const keys = lanes.get(lane);
      if (keys === undefined) lanes.set(lane, [key]);
      else keys.push(key);
    }
    const arrivals = [...this.#arrivals.values()].toSorted((left, right) => left.place - right.place);
    const { lost, duplicated, unexpected } = compareLedger(
      lanes,
      arrivals.map(({ body }) => body.key),
    );
    const outOfOrder = findOutOfOrder(
      lanes,
      arrivals.map(({ body: { key, lane } }) => ({ key, lane })),
    );
    const changed = findChangedBodies(
      this.#sent,
      arrivals.map(({ body }) => ({ key: body.key, body })),
    );
    const problems = [
      ...this.#problems.splice(0),
      ...lost.map(({ key, place }) => `${key} is lost (${place})`),
      ...duplicated.map(({ key, surplus }) => `${key} is there ${surplus + 1} times`),
      ...unexpected.map((key) => `${key} was never sent, or was checked before`),
      ...outOfOrder.map(({ key, after }) => `${key} came after ${after}`),
      ...changed.map(({ key, difference }) => `${key} was changed: ${difference}`),
    ];
    this.checked += this.#sent.size;
    this.#sent = new Map();
    this.#arrivals = new Map();
    this.#arrivedKeys = new Set();
    return problems;
  }
}
