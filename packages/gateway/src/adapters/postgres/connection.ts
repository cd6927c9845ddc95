import { setTimeout } from 'node:timers';
import pg from 'pg';

/** A statement, which the server reads and plans once for each connection. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

export interface Answer<Row> {
  readonly rows: readonly Row[];
  /** Rows read or written. */
  readonly count: number;
}

/** The connection is no more, or was never made: whoever waits for an answer gets none. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

export type Value =
  | string
  | number
  | boolean
  | null
  | Buffer
  | readonly (string | null)[]
  | readonly number[];

/**
 * A connection to the database. Statements are sent at once, without waiting for the answers of those before them; they
 * run one after the other.
 */
export interface Connection {
  run<Row extends object>(statement: Statement, values?: readonly Value[]): Promise<Answer<Row>>;
  /**
   * Runs statements without parameters. Resolves with the name of the last one that ran: a `COMMIT` that could not commit
   * says `ROLLBACK`.
   */
  execute(text: string): Promise<string>;
  /** What the server warned of since this was last asked. */
  takeWarnings(): readonly string[];
  /** Called for notifications of channels that are listened to. */
  onNotification(listener: (channel: string, payload: string) => void): void;
  /** Resolves when the connection is no more, whoever ended it. */
  readonly ended: Promise<void>;
  /** Ends it: whatever is under way fails. */
  close(): Promise<void>;
}

/** Makes a connection. Tests put faults in between. */
export type Connect = () => Promise<Connection>;

export interface ConnectionSettings {
  readonly url: string;
  /** How long to wait for a connection, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** A statement that has no answer after this time has lost its connection, in milliseconds. */
  readonly answerTimeoutMs: number;
}

export async function connect(settings: ConnectionSettings): Promise<Connection> {
  const client = new pg.Client({
    connectionString: settings.url,
    application_name: 'fieldpost-gateway',
    connectionTimeoutMillis: settings.connectTimeoutMs,
    query_timeout: settings.answerTimeoutMs,
    keepAlive: true,
    pipeline: true,
    types: { getTypeParser },
  });
  const connection = new PgConnection(client);
  try {
    await client.connect();
    return connection;
  } catch (error) {
    // What is left of the attempt ends by itself.
    client.end().catch(() => undefined);
    throw failure(error);
  }
}

const CLOSE_WITHIN_MS = 1_000;

class PgConnection implements Connection {
  readonly ended: Promise<void>;
  readonly #client: pg.Client;
  #warnings: string[] = [];

  constructor(client: pg.Client) {
    this.#client = client;
    this.ended = new Promise((resolve) => client.once('end', () => resolve()));
    // Whatever was under way fails with it as well.
    client.on('error', () => undefined);
    client.on('notice', ({ severity, message }) => {
      if (severity === 'WARNING') this.#warnings.push(message ?? 'a warning without words');
    });
  }

  async run<Row extends object>(
    { name, text }: Statement,
    values: readonly Value[] = [],
  ): Promise<Answer<Row>> {
    const query = { name, text, values: [...values] };
    const { rows, rowCount } = await this.#client.query<Row>(query).catch(fail);
    return { rows, count: rowCount ?? 0 };
  }

  async execute(text: string): Promise<string> {
    const result: unknown = await this.#client.query(text).catch(fail);
    const last: unknown = Array.isArray(result) ? result.at(-1) : result;
    return typeof last === 'object' && last !== null && 'command' in last ? String(last.command) : '';
  }

  takeWarnings(): readonly string[] {
    return this.#warnings.splice(0);
  }

  onNotification(listener: (channel: string, payload: string) => void): void {
    this.#client.on('notification', ({ channel, payload }) => listener(channel, payload ?? ''));
  }

  async close(): Promise<void> {
    const closing = this.#client.end().catch(() => undefined);
    let giveUp: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => (giveUp = setTimeout(resolve, CLOSE_WITHIN_MS)));
    await Promise.race([closing, late]);
    clearTimeout(giveUp);
  }
}

/** The server's own errors as they are; every other one means that there is no server to ask. */
function failure(error: unknown): Error {
  if (error instanceof pg.DatabaseError) return error;
  return new ConnectionLost(error instanceof Error ? error.message : String(error), { cause: error });
}

function fail(error: unknown): never {
  throw failure(error);
}

const INT8 = 20;
const BYTEA = 17;

/** Numbers of ours fit in a double, so 64-bit integers are read as such; bytes come as digits. */
function getTypeParser(oid: number, format?: 'text' | 'binary'): (value: string) => unknown {
  if (oid === INT8) return Number;
  if (oid === BYTEA) return bytesOfDigits;
  return pg.types.getTypeParser(oid, format);
}

/** `\x` and two digits for each byte. */
function bytesOfDigits(text: string): Uint8Array {
  const bytes = Buffer.from(text.slice(2), 'hex');
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
