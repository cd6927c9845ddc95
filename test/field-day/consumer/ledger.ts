import Database from 'better-sqlite3';
import type { Order } from '../superstore.ts';

/**
 * The consumer's own database. A delivery and its booking are one transaction: every hand-out is written down, whatever
 * it is worth, and a message is booked at the first one only. `deliveries` is what the gateway did, `bookings` what the
 * office sees.
 */
const schema = `
CREATE TABLE IF NOT EXISTS deliveries (
  ordinal INTEGER PRIMARY KEY AUTOINCREMENT,
  arrival INTEGER NOT NULL,
  message_id TEXT NOT NULL,
  delivery_count INTEGER NOT NULL,
  tablet TEXT NOT NULL,
  body TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS bookings (
  message_id TEXT PRIMARY KEY,
  order_id TEXT NOT NULL,
  tablet TEXT NOT NULL,
  total INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS booked_lines (
  message_id TEXT NOT NULL REFERENCES bookings,
  line INTEGER NOT NULL,
  row INTEGER NOT NULL,
  quantity INTEGER NOT NULL,
  sales INTEGER NOT NULL,
  PRIMARY KEY (message_id, line)
) STRICT, WITHOUT ROWID;
`;

/** One hand-out of a message. */
export interface Delivery {
  /** The message's place among all that ever arrived in its lane of the queue: two arrivals never share one. */
  readonly arrival: number;
  readonly messageId: string;
  readonly deliveryCount: number;
  readonly tablet: string;
  readonly body: Order;
}

/** Writes the ledger; one process at a time. */
export class LedgerWriter {
  readonly #database: Database.Database;
  readonly #book: (delivery: Delivery) => void;

  constructor(file: string) {
    this.#database = new Database(file);
    this.#database.pragma('journal_mode = WAL');
    this.#database.pragma('synchronous = FULL');
    this.#database.exec(schema);
    this.#book = this.#database.transaction((delivery: Delivery) => this.#write(delivery));
  }

  /** Durable when it returns. */
  book(delivery: Delivery): void {
    this.#book(delivery);
  }

  close(): void {
    this.#database.close();
  }

  #write(delivery: Delivery): void {
    const { arrival, messageId, deliveryCount, tablet, body } = delivery;
    this.#database
      .prepare(
        'INSERT INTO deliveries (arrival, message_id, delivery_count, tablet, body) VALUES (?, ?, ?, ?, ?)',
      )
      .run(arrival, messageId, deliveryCount, tablet, JSON.stringify(body));
    const { changes } = this.#database
      .prepare('INSERT INTO bookings VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING')
      .run(messageId, body.order, tablet, body.total);
    if (changes === 0) return;
    const insert = this.#database.prepare('INSERT INTO booked_lines VALUES (?, ?, ?, ?, ?)');
    for (const [index, line] of body.lines.entries()) {
      insert.run(messageId, index, line.row, line.quantity, line.sales);
    }
  }
}
