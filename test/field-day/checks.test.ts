import { expect, test } from 'vitest';
import { checkDay, type DayEvidence } from './checks.ts';
import { dealOrders } from './order-book.ts';
import { readSuperstore } from './superstore.ts';

const books = dealOrders(readSuperstore().slice(0, 12), 3, 'seed');
const clean = evidenceOf(
  books.flatMap(({ tablet, orders }) => orders.map((order) => ({ tablet, ...order }))),
);

test('a clean day finds nothing wrong', () => {
  expect(checkDay(clean)).toEqual({
    orders: 12,
    lost: 0,
    duplicated: 0,
    outOfOrder: 0,
    redelivered: 0,
    wrong: [],
  });
});

test('redeliveries are counted and not wrong', () => {
  const arrivals = clean.arrivals.map((arrival, index) => ({ ...arrival, deliveries: index === 3 ? 3 : 1 }));
  expect(checkDay({ ...clean, arrivals })).toMatchObject({ redelivered: 2, wrong: [] });
});

test('a lost order is found, and where in its lane it stood', () => {
  const arrivals = clean.arrivals.toSpliced(1, 1);
  const { lost, wrong } = checkDay({ ...clean, arrivals });
  expect(lost).toBe(1);
  expect(wrong[0]).toMatch(/^lost: .* of tablet-1 \(middle\)$/);
});

test('an order that arrived twice is found although the consumer booked it once', () => {
  const [first] = clean.arrivals;
  const arrivals = first === undefined ? [] : [...clean.arrivals, { ...first, arrival: 99 }];
  expect(checkDay({ ...clean, arrivals })).toMatchObject({ duplicated: 1, lost: 0 });
});

test('two orders of a tablet the wrong way round are found', () => {
  const [one, two, ...rest] = clean.arrivals;
  const arrivals = one === undefined || two === undefined ? [] : [two, one, ...rest];
  const { outOfOrder, wrong } = checkDay({ ...clean, arrivals });
  expect(outOfOrder).toBe(1);
  expect(wrong).toHaveLength(1);
});

test('a cent is found', () => {
  const text = JSON.stringify(clean.arrivals[4]?.body).replace(
    /"sales":(\d+)/,
    (_, sales) => `"sales":${Number(sales) + 100}`,
  );
  const arrivals = clean.arrivals.map((arrival, index) =>
    index === 4 ? { ...arrival, body: JSON.parse(text) as unknown } : arrival,
  );
  const { lost, duplicated, outOfOrder, wrong } = checkDay({ ...clean, arrivals });
  expect([lost, duplicated, outOfOrder]).toEqual([0, 0, 0]);
  expect(wrong).toEqual([expect.stringMatching(/^changed: .*lines\.0\.sales/)]);
});

test.each([
  ['booked orders', { bookings: { ...clean.bookings, bookings: 11 } }],
  ['booked lines', { bookings: { ...clean.bookings, lines: 0 } }],
  ['booked total', { bookings: { ...clean.bookings, total: clean.bookings.total + 1 } }],
  ['sum of the booked lines', { bookings: { ...clean.bookings, sales: clean.bookings.sales - 1 } }],
  ['arrivals', { gateway: { ...clean.gateway, arrivals: 13 } }],
  ['numbers accepted', { gateway: { ...clean.gateway, acceptedNumbers: 11 } }],
  ['messages left', { gateway: { ...clean.gateway, left: 1 } }],
  ['changed between hand-outs', { changedBetweenDeliveries: ['id'] }],
])('%s that are not as they should be are found by themselves', (what, evidence) => {
  const { wrong } = checkDay({ ...clean, ...evidence });
  expect(wrong).toHaveLength(1);
  expect(wrong[0]).toContain(what);
});

function evidenceOf(
  arrived: readonly {
    readonly tablet: string;
    readonly id: string;
    readonly body: { readonly total: number; readonly lines: readonly unknown[] };
  }[],
): DayEvidence {
  const total = arrived.reduce((sum, { body }) => sum + body.total, 0);
  return {
    books,
    arrivals: arrived.map(({ tablet, id, body }, index) => ({
      arrival: index,
      messageId: id,
      tablet,
      body,
      deliveries: 1,
    })),
    changedBetweenDeliveries: [],
    bookings: {
      bookings: arrived.length,
      lines: arrived.reduce((sum, { body }) => sum + body.lines.length, 0),
      total,
      sales: total,
    },
    gateway: { arrivals: arrived.length, acceptedNumbers: arrived.length, left: 0 },
  };
}
