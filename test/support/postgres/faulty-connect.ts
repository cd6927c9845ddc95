import type { PostgresConnect, PostgresConnection, StorageFault } from '@fieldpost/gateway/testing/suites';
import { ConnectionLost } from '@fieldpost/gateway/testing/suites';
import { putBetween } from './put-between.ts';

/** A way to connect of which one operation fails. */
export interface FaultyConnect {
  readonly connect: PostgresConnect;
  /** How often the fault struck. */
  struck(): number;
}

/** As the server says it, in the middle of the transaction that is under way. */
const DISK_FULL = `DO $$ BEGIN RAISE EXCEPTION 'no space left, as told' USING ERRCODE = '53100'; END $$`;

/**
 * Counts what is asked of the server, connecting included, and fails the operation that the fault names: an I/O error is
 * a connection that breaks before the operation is sent, or when it is done and the answer is under way; a full disk is the
 * server's own error.
 */
export function createFaultyConnect(connect: PostgresConnect, fault: StorageFault): FaultyConnect {
  let count = 0;
  let struck = 0;

  const isHit = (): boolean => {
    count += 1;
    if (fault.lasts === 'once' ? count !== fault.at : count < fault.at) return false;
    struck += 1;
    return true;
  };
  const lost = (): ConnectionLost => new ConnectionLost(`operation ${count} loses its connection, as told`);

  const wrap = (connection: PostgresConnection): PostgresConnection => {
    const perform = async <Result>(operation: () => Promise<Result>): Promise<Result> => {
      if (!isHit()) return operation();
      if (fault.kind === 'disk-full') {
        await connection.execute(DISK_FULL);
        throw new Error('the server was to refuse it');
      }
      if (fault.when === 'after') await operation();
      await connection.close();
      throw lost();
    };
    return putBetween(connection, {
      run: (statement, values) => perform(() => connection.run(statement, values)),
      execute: (text) => perform(() => connection.execute(text)),
    });
  };

  return {
    connect: async () => {
      if (isHit()) throw lost();
      return wrap(await connect());
    },
    struck: () => struck,
  };
}
