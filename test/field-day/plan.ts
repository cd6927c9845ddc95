import type { Rng } from '@fieldpost/protocol';
import { SERVER_FAULTS, type ServerFaultKind, TABLET_FAULTS, type TabletFaultKind } from './faults.ts';

export type FaultLevel = 'none' | 'some' | 'many';

export const FAULT_LEVELS: readonly FaultLevel[] = ['none', 'some', 'many'];

/** What will go wrong, and when: drawn from the seed alone, before anything runs. */
export interface Plan {
  /** One list for each tablet, in the order of the day. */
  readonly tablets: readonly (readonly TabletFault[])[];
  readonly servers: readonly ServerFault[];
}

/** Happens when the tablet has saved `at` orders; while it lasts the rep takes up to `ordersMeanwhile` more. */
export interface TabletFault {
  readonly kind: TabletFaultKind;
  readonly at: number;
  readonly ordersMeanwhile: number;
  /** How long it lasts at least; it goes on until it has met a connection. */
  readonly lastsMs: number;
  /** For cuts in the middle: after how many bytes. */
  readonly afterBytes: number;
}

/** Happens when so many orders, of all, are saved (gateway) or booked (consumer), or so many pushes committed (before-ack). */
export interface ServerFault {
  readonly kind: ServerFaultKind;
  readonly at: number;
  readonly downMs: number;
}

export interface PlanRequest {
  readonly level: FaultLevel;
  /** Orders of each tablet. */
  readonly orders: readonly number[];
  readonly rng: Rng;
}

/** How often each kind happens, over all tablets. */
const rounds: Readonly<Record<FaultLevel, number>> = { none: 0, some: 1, many: 3 };

/** A cut in the middle falls inside what a new connection carries before long: answers are short, orders are not. */
const answerBytes = 250;
const pushBytes = 700;

/** Fewer orders leave no room to be in the middle of anything. */
export const ordersPerTabletMin = 8;

/**
 * Deals every kind of fault out `rounds` times over the tablets, and spreads each tablet's over its day. A half-open line
 * is noticed only after half a minute, so it comes first in its tablet's day and the others go on meanwhile.
 */
export function drawPlan({ level, orders, rng }: PlanRequest): Plan {
  const fewest = Math.min(...orders);
  if (level !== 'none' && fewest < ordersPerTabletMin) {
    throw new Error(
      `${fewest} orders on a tablet are too few for faults: give at least ${ordersPerTabletMin} for each tablet`,
    );
  }
  const kinds = Array.from({ length: rounds[level] }, () => TABLET_FAULTS).flat();
  const hands = deal(shuffle(kinds, rng.fork('deal')), orders.length);
  const total = orders.reduce((sum, count) => sum + count, 0);
  return {
    tablets: hands.map((hand, index) => layOut(hand, orders[index] ?? 0, rng.fork(`tablet-${index}`))),
    servers: [
      ...beforeAck(level, orders.length, rng.fork('before-ack')),
      ...SERVER_FAULTS.flatMap((kind) =>
        spread(rounds[level], total, rng.fork(kind)).map((at): ServerFault => ({
          kind,
          at,
          downMs: 200 + rng.fork(`${kind}-${at}`).below(800),
        })),
      ),
    ],
  };
}

/** Every tablet pushes at least once, so there are that many pushes for certain. */
function beforeAck(level: FaultLevel, tablets: number, rng: Rng): readonly ServerFault[] {
  if (level === 'none') return [];
  return [{ kind: 'gateway-kill-before-ack', at: 1 + rng.below(tablets), downMs: 200 + rng.below(800) }];
}

function layOut(hand: readonly TabletFaultKind[], orders: number, rng: Rng): readonly TabletFault[] {
  const places = spread(hand.length, orders, rng);
  const first = hand.filter((kind) => kind === 'half-open');
  const rest = hand.filter((kind) => kind !== 'half-open');
  return [...first, ...rest].map((kind, index) => ({
    kind,
    at: places[index] ?? 0,
    ordersMeanwhile: 1 + rng.below(Math.max(1, Math.floor(orders / 10))),
    lastsMs: 100 + rng.below(900),
    afterBytes: 1 + rng.below(kind === 'cut-down' ? answerBytes : pushBytes),
  }));
}

/** `count` ascending places inside a day of `orders`, one in each of `count` equal parts of it. */
function spread(count: number, orders: number, rng: Rng): readonly number[] {
  return Array.from({ length: count }, (_, index) => Math.floor(((index + rng.next()) * orders) / count));
}

function deal<Item>(items: readonly Item[], hands: number): readonly (readonly Item[])[] {
  return Array.from({ length: hands }, (_, hand) => items.filter((__, index) => index % hands === hand));
}

function shuffle<Item>(items: readonly Item[], rng: Rng): readonly Item[] {
  return items
    .map((item) => ({ item, place: rng.next() }))
    .toSorted((one, other) => one.place - other.place)
    .map(({ item }) => item);
}
