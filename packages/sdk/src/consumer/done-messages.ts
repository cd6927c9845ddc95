import type { MessageId } from '@fieldpost/protocol';
import { FieldpostError } from '../core/fieldpost-error.ts';

/**
 * One connection to PostgreSQL on which a transaction is open, in the shape of node-postgres' `Client` and `PoolClient`.
 * Never a pool: there, each query may run on another connection.
 *
 * @since 0.1.0
 */
export interface SqlClient {
  query(
    text: string,
    values: unknown[],
  ): Promise<{ readonly rowCount: number | null; readonly rows: readonly unknown[] }>;
}

/**
 * Which messages a piece of work was done for, remembered in the consumer's own PostgreSQL, in the transaction of the
 * work itself: whatever becomes of the consumer, the gateway or the network, the work and the note are committed
 * together or not at all.
 *
 * @since 0.1.0
 */
export interface DoneMessages {
  /**
   * Makes the table when it is not there; may be called at each start, and by several processes at once. The SQL, for
   * those who bring tables along with migrations of their own, is {@link DoneMessages.schema}.
   */
  prepare(client: SqlClient): Promise<void>;

  /**
   * Notes a message within the transaction that is open on `client`. Another transaction that notes the same message
   * waits until this one ends.
   *
   * @returns whether it is new: do the work when true, and when false only acknowledge
   * @throws FieldpostError `invalid-argument` when no transaction is open on `client`; nothing is noted then
   */
  note(client: SqlClient, message: { readonly id: MessageId }): Promise<boolean>;

  /**
   * Forgets messages noted more than `keptMs` milliseconds ago: as long as a message can still come again, its note must
   * stay. A queue hands a message out again for as long as it holds it, so keep notes longer than anything waits in a
   * queue or among its dead letters.
   *
   * @returns how many were forgotten
   */
  forget(client: SqlClient, keptMs: number): Promise<number>;

  /** The statements that make the table and its index. */
  readonly schema: string;
}

/**
 * @param options `work` names what is done, such as `invoices`: several consumers of one database that do different
 *   work for the same message each have their own. `table`, default `fieldpost_done_messages`, may name a schema:
 *   `office.done`.
 * @throws FieldpostError `invalid-argument` for an empty name, or a table name that is not plain
 * @since 0.1.0
 */
export function createDoneMessages(options: {
  readonly work: string;
  readonly table?: string;
}): DoneMessages {
  const { work, table = 'fieldpost_done_messages' } = options;
  if (work === '') throw new FieldpostError('invalid-argument', 'work is empty: name what is done');
  if (!PLAIN_NAME.test(table))
    throw new FieldpostError(
      'invalid-argument',
      `table "${table}" is no plain name: letters, digits and _, with a schema and a dot before it if you like`,
    );
  return new PostgresDoneMessages(work, table);
}

const PLAIN_NAME = /^(?:[a-z_][a-z0-9_]{0,62}\.)?[a-z_][a-z0-9_]{0,62}$/;

/** Two starters at once may both find no table; the second then waits here until the first has made it. */
const PREPARE_LOCK = 0x66_70_64_6d;

class PostgresDoneMessages implements DoneMessages {
  readonly schema: string;
  readonly #work: string;
  readonly #table: string;

  constructor(work: string, table: string) {
    this.#work = work;
    this.#table = table;
    this.schema = `CREATE TABLE IF NOT EXISTS ${table} (
  work text NOT NULL,
  message_id uuid NOT NULL,
  noted_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (work, message_id)
);
CREATE INDEX IF NOT EXISTS ${table.replace('.', '_')}_noted_at ON ${table} (work, noted_at);`;
  }

  async prepare(client: SqlClient): Promise<void> {
    await client.query('BEGIN', []);
    try {
      await client.query('SELECT pg_advisory_xact_lock($1)', [PREPARE_LOCK]);
      for (const statement of this.schema.split(';').slice(0, -1)) await client.query(statement, []);
      await client.query('COMMIT', []);
    } catch (error) {
      await client.query('ROLLBACK', []);
      throw error;
    }
  }

  async note(client: SqlClient, { id }: { readonly id: MessageId }): Promise<boolean> {
    await this.#checkTransaction(client);
    const { rowCount } = await client.query(
      `INSERT INTO ${this.#table} (work, message_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
      [this.#work, id],
    );
    return rowCount === 1;
  }

  async forget(client: SqlClient, keptMs: number): Promise<number> {
    const { rowCount } = await client.query(
      `DELETE FROM ${this.#table} WHERE work = $1 AND noted_at < now() - make_interval(secs => $2)`,
      [this.#work, keptMs / 1000],
    );
    return rowCount ?? 0;
  }

  /** Takes the lock that the insert takes anyway, by the one statement that PostgreSQL refuses outside a transaction. */
  async #checkTransaction(client: SqlClient): Promise<void> {
    try {
      await client.query(`LOCK TABLE ${this.#table} IN ROW EXCLUSIVE MODE`, []);
    } catch (error) {
      if (!isOutsideTransaction(error)) throw error;
      throw new FieldpostError(
        'invalid-argument',
        'no transaction is open on this client: the note would stay without the work. BEGIN on the client of one connection, not on a pool',
        { cause: error },
      );
    }
  }
}

/** SQLSTATE 25P01, no_active_sql_transaction. */
function isOutsideTransaction(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '25P01';
}
