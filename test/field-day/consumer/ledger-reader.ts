import { existsSync } from 'node:fs';
import Database from 'better-sqlite3';

/** An arrival at the queue: all hand-outs of one message are one arrival. */
export interface LedgerArrival {
  readonly arrival: number;
  readonly messageId: string;
  readonly tablet: string;
  /** As it came, read back from its text. */
  readonly body: unknown;
  /** How often it was handed out. */
  readonly deliveries: number;
}

/** What the office has, as sums. */
export interface BookingSums {
  readonly bookings: number;
  readonly lines: number;
  readonly total: number;
  /** The sum of the lines, which must be the total. */
  readonly sales: number;
}

/** Looks at the ledger, also while the consumer writes it. */
export class LedgerReader {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  /** How many messages are booked; 0 before the consumer has made its tables. */
  booked(): number {
    if (!existsSync(this.#file)) return 0;
    return this.#read((database) => {
      const isThere = number(database, "SELECT count(*) FROM sqlite_master WHERE name = 'bookings'") === 1;
      return isThere ? number(database, 'SELECT count(*) FROM bookings') : 0;
    });
  }

  /** In the order in which they arrived at the gateway, per lane. */
  arrivals(): readonly LedgerArrival[] {
    return this.#read((database) =>
      database
        .prepare<
          [],
          { arrival: number; messageId: string; tablet: string; body: string; deliveries: number }
        >(
          `SELECT arrival, message_id AS messageId, tablet, min(body) AS body, count(*) AS deliveries
           FROM deliveries GROUP BY arrival, message_id, tablet ORDER BY arrival`,
        )
        .all()
        .map((row) => ({ ...row, body: JSON.parse(row.body) as unknown })),
    );
  }

  /** Arrivals whose body was not the same at each hand-out. */
  changedBetweenDeliveries(): readonly string[] {
    return this.#read((database) =>
      database
        .prepare<[], { id: string }>(
          'SELECT message_id AS id FROM deliveries GROUP BY arrival HAVING count(DISTINCT body || message_id || tablet) > 1',
        )
        .all()
        .map(({ id }) => id),
    );
  }

  sums(): BookingSums {
    return this.#read((database) => ({
      bookings: number(database, 'SELECT count(*) FROM bookings'),
      lines: number(database, 'SELECT count(*) FROM booked_lines'),
      total: number(database, 'SELECT coalesce(sum(total), 0) FROM bookings'),
      sales: number(database, 'SELECT coalesce(sum(sales), 0) FROM booked_lines'),
    }));
  }

  #read<Result>(read: (database: Database.Database) => Result): Result {
    const database = new Database(this.#file, { readonly: true });
    try {
      return read(database);
    } finally {
      database.close();
    }
  }
}

function number(database: Database.Database, sql: string): number {
  const value: unknown = database.prepare(sql).pluck().get();
  if (typeof value !== 'number') throw new Error(`${sql} gave ${String(value)}`);
  return value;
}
