import { setTimeout } from 'node:timers';
import type { GenerationId } from '@fieldpost/protocol';
import type { Connect, Connection } from './connection.ts';
import { type Identity, readIdentity } from './identity.ts';
import { inDoubt, remedyFor, TryAgain } from './postgres-error.ts';
import { Transaction } from './transaction.ts';

/** Other transactions that were faster, until it is said that the database is too busy. */
const TRIES_MAX = 20;
const PAUSE_MS_MAX = 40;

/**
 * Begins a transaction. A gateway that was stopped in the middle must not keep its locks; and every statement of ours goes by
 * an index, however few rows the planner believes there are.
 */
const BEGIN = `BEGIN; SET LOCAL idle_in_transaction_session_timeout = 10000; SET LOCAL jit = off;
SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;
SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off`;

export interface LinkOptions {
  readonly connect: Connect;
  readonly mintGeneration: () => GenerationId;
  /** Told of the identity that a committed transaction found. */
  readonly onIdentity: (identity: Identity) => void;
}

/** A transaction's work; what it returns counts once it is committed. */
export type Work<Result> = (transaction: Transaction, identity: Identity) => Promise<Result>;

/** One connection to the database, made anew when it was lost, for one transaction at a time. */
export class Link {
  readonly #options: LinkOptions;
  #connection: Connection | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /**
   * Runs `work` in a transaction and commits it. When somebody else was faster, it is run again from its beginning.
   *
   * @throws whatever `work` threw, with nothing written; StoreError `store-unavailable` when the answer to the commit was lost
   */
  async transaction<Result>(work: Work<Result>): Promise<Result> {
    for (let tries = 1; ; tries++) {
      const connection = await this.#connect();
      let outcome: { readonly result: Result; readonly identity: Identity };
      try {
        outcome = await this.#attempt(connection, work);
      } catch (error) {
        await this.#takeBack(connection);
        if (remedyFor(error) !== 'again' || tries === TRIES_MAX) throw error;
        await pause(Math.random() * Math.min(PAUSE_MS_MAX, 2 ** tries));
        continue;
      }
      await this.#commit(connection);
      this.#options.onIdentity(outcome.identity);
      return outcome.result;
    }
  }

  /** Runs statements that only read, without a transaction. */
  async read<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result> {
    const connection = await this.#connect();
    try {
      return await work(new Transaction(connection));
    } catch (error) {
      if (remedyFor(error) === 'give-up') this.#drop(connection);
      throw error;
    }
  }

  async close(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.close();
  }

  async #connect(): Promise<Connection> {
    if (this.#connection !== undefined) return this.#connection;
    const connection = await this.#options.connect();
    this.#connection = connection;
    connection.ended.then(
      () => this.#forget(connection),
      () => this.#forget(connection),
    );
    return connection;
  }

  async #attempt<Result>(
    connection: Connection,
    work: Work<Result>,
  ): Promise<{ result: Result; identity: Identity }> {
    connection.takeWarnings();
    const begun = connection.execute(BEGIN);
    const transaction = new Transaction(connection);
    const [begin, identity] = await Promise.allSettled([
      begun,
      readIdentity(transaction, this.#options.mintGeneration),
    ]);
    if (begin.status === 'rejected') throw begin.reason;
    if (identity.status === 'rejected') throw identity.reason;
    return { result: await work(transaction, identity.value), identity: identity.value };
  }

  async #commit(connection: Connection): Promise<void> {
    let command: string;
    try {
      command = await connection.execute('COMMIT');
    } catch (error) {
      this.#drop(connection);
      throw inDoubt(error instanceof Error ? error.message : String(error), error);
    }
    // A commit of a transaction that had failed takes it back, and says so only by its name.
    if (command !== 'COMMIT') throw new TryAgain(`the transaction ended with ${command}`);
    // The server cannot take the commit back when it stops waiting for a standby: it warns, and says that all went well.
    const warning = connection.takeWarnings().find((text) => text.includes('synchronous replication'));
    if (warning !== undefined) throw inDoubt(warning);
  }

  async #takeBack(connection: Connection): Promise<void> {
    try {
      await connection.execute('ROLLBACK');
    } catch {
      this.#drop(connection);
    }
  }

  #drop(connection: Connection): void {
    this.#forget(connection);
    connection.close().catch(() => undefined);
  }

  #forget(connection: Connection): void {
    if (this.#connection === connection) this.#connection = undefined;
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });
}
