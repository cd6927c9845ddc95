import type { Database } from 'better-sqlite3';
import { z } from 'zod';
import type { BookingView, BooksView, RepView } from '../src/office/office-snapshot.ts';

const bookingRow = z.object({
  orderId: z.string(),
  number: z.string(),
  customer: z.string(),
  place: z.string(),
  rep: z.string(),
  lines: z.int(),
  total: z.int(),
  takenAt: z.string(),
  arrivedAt: z.string(),
  bookedAt: z.string(),
});
const sumsRow = z.object({ orders: z.int(), lines: z.int(), total: z.int() });
const repRow = z.object({ rep: z.string(), orders: z.int(), total: z.int() });
const countRow = z.object({ outcome: z.string(), count: z.int() });

/** What the books say at one moment. A handle that may only read is enough. */
export function viewBooks(database: Database, recentMax: number): BooksView {
  const view = database.transaction((): BooksView => {
    const sums = database
      .prepare(
        'SELECT count(*) AS orders, coalesce(sum(lines), 0) AS lines, coalesce(sum(total), 0) AS total FROM bookings',
      )
      .get();
    const counts = database.prepare('SELECT outcome, count(*) AS count FROM messages GROUP BY outcome').all();
    const outcomes = z.array(countRow).parse(counts);
    const countOf = (outcome: string): number => outcomes.find((row) => row.outcome === outcome)?.count ?? 0;
    return {
      ...sumsRow.parse(sums),
      repeated: countOf('repeated'),
      setAside: countOf('set-aside'),
      byRep: byRep(database),
      recent: recent(database, recentMax),
    };
  });
  return view();
}

function byRep(database: Database): RepView[] {
  const rows = database
    .prepare(
      'SELECT rep, count(*) AS orders, sum(total) AS total FROM bookings GROUP BY rep ORDER BY total DESC, rep',
    )
    .all();
  return z.array(repRow).parse(rows);
}

function recent(database: Database, limit: number): BookingView[] {
  const rows = database
    .prepare(
      `SELECT order_id AS orderId, number, customer, place, rep, lines, total, taken_at AS takenAt,
         arrived_at AS arrivedAt, booked_at AS bookedAt
       FROM bookings ORDER BY position DESC LIMIT ?`,
    )
    .all(limit);
  return z.array(bookingRow).parse(rows);
}
