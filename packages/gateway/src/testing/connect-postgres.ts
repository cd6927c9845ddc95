import { connect, type Connection } from '../adapters/postgres/connection.ts';

/** A connection as a PostgreSQL store makes them, for tests that put something in between. */
export function connectPostgres(url: string): Promise<Connection> {
  return connect({ url, connectTimeoutMs: 5_000, answerTimeoutMs: 30_000 });
}
