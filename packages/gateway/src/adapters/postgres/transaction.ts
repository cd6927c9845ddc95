import type { Answer, Connection, Statement, Value } from './connection.ts';

/** The transaction that is under way on a connection. */
export class Transaction {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Sends a statement at once. Who sends several without waiting has to wait for all: see {@link inOrder}. */
  run<Row extends object>(statement: Statement, values: readonly Value[] = []): Promise<Answer<Row>> {
    return this.#connection.run<Row>(statement, values);
  }

  async rows<Row extends object>(
    statement: Statement,
    values: readonly Value[] = [],
  ): Promise<readonly Row[]> {
    return (await this.run<Row>(statement, values)).rows;
  }
}

/**
 * Waits for all of them, then for each in turn: the first that failed is the cause, the ones behind it only say that the
 * transaction is aborted.
 */
export async function inOrder(sent: readonly Promise<unknown>[]): Promise<void> {
  const outcomes = await Promise.allSettled(sent);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}
