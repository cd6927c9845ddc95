import type Database from 'better-sqlite3';

/** Inserts rows given as one flat list of their columns' values, row after row. */
export type InsertRows = (values: readonly unknown[]) => void;

/** Rows per statement: most of a row's cost is the call into the driver, and more than these gain little. */
const ROWS = 16;

/** `insert` is the statement up to its `VALUES`. */
export function prepareInsertRows(database: Database.Database, insert: string, columns: number): InsertRows {
  const row = `(${Array.from({ length: columns }, () => '?').join(', ')})`;
  const insertOne = database.prepare(`${insert} VALUES ${row}`);
  const insertMany = database.prepare(
    `${insert} VALUES ${Array.from({ length: ROWS }, () => row).join(', ')}`,
  );

  return (values) => {
    for (let offset = 0; offset < values.length;) {
      const isMany = values.length - offset >= ROWS * columns;
      const end = offset + (isMany ? ROWS * columns : columns);
      (isMany ? insertMany : insertOne).run(values.slice(offset, end));
      offset = end;
    }
  };
}
