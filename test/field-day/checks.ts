import { findChangedBodies } from '../checkers/bodies.ts';
import { compareLedger } from '../checkers/ledger.ts';
import { findOutOfOrder } from '../checkers/order.ts';
import type { BookingSums, LedgerArrival } from './consumer/ledger-reader.ts';
import type { GatewayTotals } from './gateway-totals.ts';
import type { OrderBook } from './order-book.ts';

/** All that is known when everything has stopped. */
export interface DayEvidence {
  /** From the CSV, whatever the tablets made of it. */
  readonly books: readonly OrderBook[];
  /** As the queue had them, before the consumer sorted anything out. */
  readonly arrivals: readonly LedgerArrival[];
  /** Messages whose content was not the same at each hand-out. */
  readonly changedBetweenDeliveries: readonly string[];
  readonly bookings: BookingSums;
  readonly gateway: GatewayTotals;
}

export interface DayFindings {
  readonly orders: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly outOfOrder: number;
  /** Hand-outs beyond the first of each message: allowed, and sorted out by the consumer. */
  readonly redelivered: number;
  /** What is wrong, one line each; empty when nothing is. */
  readonly wrong: readonly string[];
}

/** Compares the end of the day with the file. */
export function checkDay({
  books,
  arrivals,
  changedBetweenDeliveries,
  bookings,
  gateway,
}: DayEvidence): DayFindings {
  const expected = books.flatMap(({ orders }) => orders);
  const lanes = new Map(books.map(({ tablet, orders }) => [tablet, orders.map(({ body }) => body.order)]));
  const seen = arrivals.map(({ tablet, body }) => ({ lane: tablet, key: orderOf(body), body }));
  const { lost, duplicated, unexpected } = compareLedger(
    lanes,
    seen.map(({ key }) => key),
  );
  const outOfOrder = findOutOfOrder(lanes, seen);
  const sent = new Map<string, unknown>(expected.map(({ body }) => [body.order, body]));
  const changed = findChangedBodies(sent, seen);
  const surplus = duplicated.reduce((sum, { surplus: count }) => sum + count, 0);
  return {
    orders: expected.length,
    lost: lost.length,
    duplicated: surplus,
    outOfOrder: outOfOrder.length,
    redelivered: arrivals.reduce((sum, { deliveries }) => sum + deliveries - 1, 0),
    wrong: [
      ...lost.map(({ lane, key, place }) => `lost: ${key} of ${lane} (${place})`),
      ...duplicated.map(({ key, surplus: count }) => `duplicated: ${key}, ${count} too many`),
      ...unexpected.map((key) => `unexpected: ${key}`),
      ...outOfOrder.map(({ lane, key, after }) => `out of order: ${key} of ${lane} came after ${after}`),
      ...changed.map(({ key, difference }) => `changed: ${key}: ${difference}`),
      ...changedBetweenDeliveries.map((id) => `changed between hand-outs: message ${id}`),
      ...wrongSums(expected, bookings),
      ...wrongTotals(arrivals.length, gateway),
    ],
  };
}

function wrongSums(expected: readonly OrderBook['orders'][number][], booked: BookingSums): string[] {
  const total = expected.reduce((sum, { body }) => sum + body.total, 0);
  const lines = expected.reduce((sum, { body }) => sum + body.lines.length, 0);
  return [
    ...differs('booked orders', expected.length, booked.bookings),
    ...differs('booked lines', lines, booked.lines),
    ...differs('booked total in 1/10,000', total, booked.total),
    ...differs('sum of the booked lines in 1/10,000', total, booked.sales),
  ];
}

function wrongTotals(arrivals: number, gateway: GatewayTotals): string[] {
  return [
    ...differs("arrivals by the gateway's own count", arrivals, gateway.arrivals),
    ...differs("numbers accepted by the gateway's streams", arrivals, gateway.acceptedNumbers),
    ...differs('messages left in the queue', 0, gateway.left),
  ];
}

function differs(what: string, expected: number, found: number): string[] {
  return expected === found ? [] : [`${what}: ${expected} expected, ${found} found`];
}

function orderOf(body: unknown): string {
  const order: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, 'order') : undefined;
  return typeof order === 'string' ? order : `no order: ${JSON.stringify(body)}`;
}
