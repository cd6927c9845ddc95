import type { PostgresConnection } from '@fieldpost/gateway/testing/suites';

/** What a test does with what is asked of a connection. */
export type Between = Partial<Pick<PostgresConnection, 'run' | 'execute'>>;

/** A connection with something put between it and its store. */
export function putBetween(connection: PostgresConnection, between: Between): PostgresConnection {
  return {
    run: (statement, values) => connection.run(statement, values),
    execute: (text) => connection.execute(text),
    takeWarnings: () => connection.takeWarnings(),
    onNotification: (listener) => connection.onNotification(listener),
    ended: connection.ended,
    close: () => connection.close(),
    ...between,
  };
}
