import type Database from 'better-sqlite3';
import { QUEUES_MAX, queueEnd, queueOfKey, queueStart } from '../../core/message-key.ts';
import type { Notices } from './notices.ts';

/** Runs work in the next group of writes. */
export type Write = <Result>(work: () => Result) => Promise<Result>;

/** Rows of one batch: some milliseconds of work, so that others' calls hardly wait for it. */
const BATCH_ROWS = 500;
/** Bytes of one batch: the pages of large bodies have to be given back one by one. */
const BATCH_BYTES = 4 * 1024 * 1024;

/**
 * Removes what deleted queues left behind. A queue is gone with its row; its messages, holds and producers' ids go
 * afterwards, batch by batch, each in a group of writes like any other call. What is left at a stop, or at a crash, is
 * found again at the next start: rows whose queue number has no queue.
 */
export class QueueSweeper {
  readonly #write: Write;
  readonly #find: () => number | undefined;
  readonly #sweep: (queue: number) => boolean;
  /** The deleted queue that is being emptied. */
  #queue: number | undefined;
  #isRunning = false;

  constructor(database: Database.Database, write: Write, notices: Notices) {
    this.#write = write;
    this.#find = prepareFind(database);
    this.#sweep = prepareSweep(database, notices);
  }

  /** Looks for what an earlier start left, and begins if there is any. */
  resume(): void {
    this.#queue = this.#find();
    if (this.#queue !== undefined) this.wake();
  }

  /** A queue was deleted. */
  wake(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#run().then(
      () => (this.#isRunning = false),
      // The store is closed, or failed and told its owner: the next start goes on.
      () => (this.#isRunning = false),
    );
  }

  async #run(): Promise<void> {
    while (await this.#write(() => this.#step()));
  }

  /** One batch. Returns whether there may be more. */
  #step(): boolean {
    this.#queue ??= this.#find();
    if (this.#queue === undefined) return false;
    if (!this.#sweep(this.#queue)) this.#queue = undefined;
    return true;
  }
}

/** The number of a deleted queue that has left rows. Jumps from queue to queue, however many rows each has. */
function prepareFind(database: Database.Database): () => number | undefined {
  const isQueue = database.prepare<[number]>('SELECT 1 FROM queues WHERE number = ?');
  const nextMessage = database
    .prepare<[number], number | null>('SELECT min(key) FROM messages WHERE key >= ?')
    .pluck();
  const nextSend = database
    .prepare<[number], number | null>('SELECT min(queue) FROM sends WHERE queue >= ?')
    .pluck();
  const findBy = (next: (queue: number) => number | undefined): number | undefined => {
    for (
      let queue = next(0);
      queue !== undefined;
      queue = queue + 1 < QUEUES_MAX ? next(queue + 1) : undefined
    )
      if (isQueue.get(queue) === undefined) return queue;
    return undefined;
  };
  return () =>
    findBy((queue) => {
      const key = nextMessage.get(queueStart(queue)) ?? undefined;
      return key === undefined ? undefined : queueOfKey(key);
    }) ?? findBy((queue) => nextSend.get(queue) ?? undefined);
}

const DELETED = { code: 'queue-deleted' } as const;

/**
 * Deletes a batch of a deleted queue's rows; who asked what becomes of one of its messages is told in the same transaction.
 * Returns whether there may be more.
 */
function prepareSweep(database: Database.Database, notices: Notices): (queue: number) => boolean {
  const isQueue = database.prepare<[number]>('SELECT 1 FROM queues WHERE number = ?');
  const select = database.prepare<[number, number, number], { key: number; bytes: number }>(
    `SELECT key, length(head) + length(body) AS bytes FROM messages
     WHERE key >= ? AND key < ? ORDER BY key LIMIT ?`,
  );
  const deleteMessages = database.prepare('DELETE FROM messages WHERE key BETWEEN ? AND ?');
  const deleteBeside = ['holds', 'dues', 'members', 'stories'].map((table) =>
    database.prepare<[number, number]>(`DELETE FROM ${table} WHERE key BETWEEN ? AND ?`),
  );
  const deleteSends = database.prepare(
    'DELETE FROM sends WHERE queue = ? AND id IN (SELECT id FROM sends WHERE queue = ? LIMIT ?)',
  );

  const deletedAt = database
    .prepare<[number], number>('SELECT deleted_at FROM deleted_queues WHERE queue = ?')
    .pluck();
  const forget = database.prepare<[number]>('DELETE FROM deleted_queues WHERE queue = ?');

  return (queue) => {
    // The transaction that deleted the queue was taken back after all.
    if (isQueue.get(queue) !== undefined) return false;
    const rows = select.all(queueStart(queue), queueEnd(queue), BATCH_ROWS);
    const [first] = rows;
    if (first === undefined) {
      if (deleteSends.run(queue, queue, BATCH_ROWS).changes > 0) return true;
      forget.run(queue);
      return false;
    }
    let last = first;
    let bytes = 0;
    for (const row of rows) {
      last = row;
      bytes += row.bytes;
      if (bytes >= BATCH_BYTES) break;
    }
    notices.tellRange(first.key, last.key, () => DELETED, deletedAt.get(queue) ?? 0);
    deleteMessages.run(first.key, last.key);
    for (const statement of deleteBeside) statement.run(first.key, last.key);
    return true;
  };
}
