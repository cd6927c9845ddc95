import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { BooksView } from '../src/office/office-snapshot.ts';
import type { Order } from '../src/order/order.ts';
import { viewBooks } from './view-books.ts';

/** What became of a message at the office. `seen`: the message itself was booked or set aside before. */
export type BookingOutcome = 'booked' | 'repeated' | 'seen';

export interface ArrivedOrder {
  readonly messageId: string;
  readonly arrivedAt: Date;
  readonly order: Order;
}

/** The books' file in the data folder. */
export const BOOKS_FILE = 'bookings.sqlite';

const schema = `
  CREATE TABLE IF NOT EXISTS messages (
    message_id TEXT PRIMARY KEY,
    outcome TEXT NOT NULL CHECK (outcome IN ('booked', 'repeated', 'set-aside')),
    reason TEXT,
    body TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS bookings (
    position INTEGER PRIMARY KEY,
    order_id TEXT NOT NULL UNIQUE,
    message_id TEXT NOT NULL UNIQUE,
    number TEXT NOT NULL,
    customer TEXT NOT NULL,
    place TEXT NOT NULL,
    rep TEXT NOT NULL,
    lines INTEGER NOT NULL,
    total INTEGER NOT NULL,
    taken_at TEXT NOT NULL,
    arrived_at TEXT NOT NULL,
    booked_at TEXT NOT NULL,
    document TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS bookings_by_rep ON bookings (rep, total, lines);
`;

/**
 * The office's books, in a SQLite file of their own.
 *
 * A queue hands a message out at least once: its consumer may die between booking it and saying so. So the message's id is
 * written in the same transaction as the booking, and a message that comes again is found and not booked again. An order
 * has an id of its own, too, since a rep may send it once more after a refusal, in a new message.
 */
export class Books {
  readonly #database: Database.Database;
  readonly #recentMax: number;

  constructor(dataDir: string, recentMax = 50) {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    this.#database = new Database(join(dataDir, BOOKS_FILE));
    this.#database.pragma('journal_mode = WAL');
    this.#database.pragma('synchronous = FULL');
    this.#database.exec(schema);
    this.#recentMax = recentMax;
  }

  /** Books an order, once. What it returned is on disk. */
  book({ messageId, arrivedAt, order }: ArrivedOrder, now: Date): BookingOutcome {
    const transaction = this.#database.transaction((): BookingOutcome => {
      if (this.#isSeen(messageId)) return 'seen';
      const { changes } = this.#database
        .prepare(
          `INSERT INTO bookings (order_id, message_id, number, customer, place, rep, lines, total, taken_at, arrived_at,
             booked_at, document)
           VALUES (:orderId, :messageId, :number, :customer, :place, :rep, :lines, :total, :takenAt, :arrivedAt,
             :bookedAt, :document)
           ON CONFLICT (order_id) DO NOTHING`,
        )
        .run({
          orderId: order.id,
          messageId,
          number: order.number,
          customer: order.customer.name,
          place: `${order.customer.city}, ${order.customer.state}`,
          rep: order.rep.name,
          lines: order.lines.length,
          total: order.total,
          takenAt: order.takenAt,
          arrivedAt: arrivedAt.toISOString(),
          bookedAt: now.toISOString(),
          document: JSON.stringify(order),
        });
      const outcome = changes === 1 ? 'booked' : 'repeated';
      this.#remember(messageId, outcome);
      return outcome;
    });
    return transaction.immediate();
  }

  /** Keeps a message that is no order, for somebody to look at. */
  setAside(messageId: string, body: unknown, reason: string): void {
    const transaction = this.#database.transaction(() => {
      if (!this.#isSeen(messageId))
        this.#remember(messageId, 'set-aside', reason, JSON.stringify(body) ?? '');
    });
    transaction.immediate();
  }

  view(): BooksView {
    return viewBooks(this.#database, this.#recentMax);
  }

  close(): void {
    this.#database.close();
  }

  #isSeen(messageId: string): boolean {
    return this.#database.prepare('SELECT 1 FROM messages WHERE message_id = ?').get(messageId) !== undefined;
  }

  #remember(
    messageId: string,
    outcome: string,
    reason: string | null = null,
    body: string | null = null,
  ): void {
    this.#database
      .prepare('INSERT INTO messages (message_id, outcome, reason, body) VALUES (?, ?, ?, ?)')
      .run(messageId, outcome, reason, body);
  }
}
