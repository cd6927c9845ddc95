import type { Statement } from './connection.ts';
import type { Transaction } from './transaction.ts';

const COUNT: Statement = {
  name: 'removals-count',
  text: `INSERT INTO fieldpost.removals (queue, slice, messages, bytes) VALUES ($1, $2, $3, $4)
         ON CONFLICT (queue, slice)
         DO UPDATE SET messages = removals.messages + excluded.messages, bytes = removals.bytes + excluded.bytes`,
};
const DROP_EMPTY: Statement = {
  name: 'queues-drop-empty',
  text: `WITH gone AS (
           DELETE FROM fieldpost.queues WHERE name = $1 AND messages =
             (SELECT coalesce(sum(removals.messages), 0) FROM fieldpost.removals WHERE removals.queue = queues.number)
           RETURNING number)
         INSERT INTO fieldpost.emptying (queue, deleted_at) SELECT number, 0 FROM gone`,
};

/** Counts what leaves queues, in this gateway's own slice: consumers do not wait for each other, or for senders. */
export class Removals {
  readonly #transaction: Transaction;
  readonly #slice: number;

  constructor(transaction: Transaction, slice: number) {
    this.#transaction = transaction;
    this.#slice = slice;
  }

  async count(queue: number, messages: number, bytes: number): Promise<void> {
    if (messages > 0) await this.#transaction.run(COUNT, [queue, this.#slice, messages, bytes]);
  }

  /** A subqueue without messages is gone. Returns whether it is. */
  async dropIfEmpty(name: string): Promise<boolean> {
    return (await this.#transaction.run(DROP_EMPTY, [name])).count > 0;
  }
}
