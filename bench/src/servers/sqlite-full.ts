import Database from 'better-sqlite3';

/** SQLite as every contestant's server has it: a write-ahead log, flushed at each commit. Fails when it is not so. */
export function openSqliteFull(file: string): Database.Database {
  const database = new Database(file);
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  const synchronous = database.pragma('synchronous', { simple: true });
  if (synchronous !== 2) throw new Error(`synchronous is ${String(synchronous)}, not 2 (FULL)`);
  return database;
}

/** What a server holds. Orders sent twice and stored twice show as more messages than ids. */
export interface Stored {
  readonly messages: number;
  readonly distinctIds: number;
}

/** Counts the table `orders`. */
export function countOrders(database: Database.Database): Stored {
  const row = database
    .prepare('SELECT count(*) AS messages, count(DISTINCT id) AS distinctIds FROM orders')
    .get();
  const { messages, distinctIds } = row as Stored;
  return { messages, distinctIds };
}
