import { randomBytes } from 'node:crypto';
import type Database from 'better-sqlite3';

/**
 * The write-ahead log's life: it grows with each commit, is carried over into the file when it is long enough, and
 * starts again at its beginning. The first transaction of each cycle marks it as following the one before, so that a
 * log can never be taken for another file's (`journal-match.ts`).
 *
 * Nobody else reads the file, so every carry-over reaches the log's end and the next commit starts a new cycle.
 */
export class LogCycle {
  readonly #database: Database.Database;
  readonly #pagesMax: number;
  readonly #size: Database.Statement<[], CheckpointRow>;
  readonly #carryOver: Database.Statement<[], CheckpointRow>;
  #isMarked = false;
  #logPages = 0;

  /** `bytesMax`: the length from which the log is carried over. */
  constructor(database: Database.Database, bytesMax: number) {
    this.#database = database;
    const pageBytes = Number(database.pragma('page_size', { simple: true }));
    this.#pagesMax = Math.max(1, Math.floor(bytesMax / pageBytes));
    // A burst can make the log longer than a cycle; it gives the room back when it starts again.
    database.pragma(`journal_size_limit = ${bytesMax}`);
    this.#size = database.prepare('PRAGMA wal_checkpoint(NOOP)');
    this.#carryOver = database.prepare('PRAGMA wal_checkpoint(RESTART)');
  }

  /** Whether the log is long enough to be carried over. */
  isDue(): boolean {
    return this.#logPages >= this.#pagesMax;
  }

  /**
   * Carries the whole log over into the file; the next transaction starts a new one. On a full disk the log keeps
   * everything, and a later call tries again.
   */
  carryOver(): void {
    this.#logPages = 0;
    const row = this.#carryOver.get();
    // Another reader, which the lock rules out, would keep the log from starting again; it only grows then.
    if (row !== undefined && row.busy === 0 && row.log === row.checkpointed) this.#isMarked = false;
  }

  /** Inside each transaction, before anything else: marks the cycle if it has no mark yet. */
  mark(): void {
    if (this.#isMarked) return;
    const previous = Number(this.#database.pragma('user_version', { simple: true }));
    // 31 random bits, never 0: that is what a file without a mark says.
    const current = randomBytes(4).readUInt32BE() >>> 1 || 1;
    this.#database.pragma(`application_id = ${previous}`);
    this.#database.pragma(`user_version = ${current}`);
  }

  /** After each transaction, once it is durable. */
  committed(): void {
    this.#isMarked = true;
    this.#logPages = this.#size.get()?.log ?? 0;
  }
}

interface CheckpointRow {
  readonly busy: number;
  readonly log: number;
  readonly checkpointed: number;
}
