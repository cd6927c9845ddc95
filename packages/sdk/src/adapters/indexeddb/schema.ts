import type { DBSchema, IDBPDatabase, IDBPTransaction, StoreNames } from 'idb';

/**
 * The object stores. Keys and values are `unknown` on the way back, whatever was put: other releases, other code of the
 * origin and people with developer tools write here too.
 */
export interface OutboxSchema extends DBSchema {
  /**
   * Segments in save order, under the binary key of `segment-key.ts`: `{ messages, checksum }`, and `place` when its writer
   * relied on it. Fences, under their place: `{ place }`.
   */
  segments: { key: IDBValidKey; value: unknown; indexes: { place: IDBValidKey } };
  /** By epoch: what the keys of its trimmed segments said, so that its tail can be told from the keys alone. */
  epochs: { key: IDBValidKey; value: unknown };
  /** By id: `{ position }` of the segment, for ids that the caller supplied. */
  suppliedIds: { key: IDBValidKey; value: unknown; indexes: { position: IDBValidKey } };
  /** By `[epoch, queue, priority]`: how far the gateway's answers have been written down. */
  marks: { key: IDBValidKey; value: unknown };
  /** Messages set aside, numbered in the order of being set aside. */
  deadLetters: { key: IDBValidKey; value: unknown; indexes: { id: IDBValidKey } };
  /** By `[epoch, queue, priority, number]`: the code of what was refused or skipped, for as long as its segment is kept. */
  fates: { key: IDBValidKey; value: unknown };
  /** By `[epoch, queue, priority, number]`: `{ id, code, isFinal }` of what goes as a skip, until its answer is settled. */
  skips: { key: IDBValidKey; value: unknown };
  /** Single records: `device`, `log`, `offered`, `lease`, `trimmed`, `renewed`, `reserve`. */
  state: { key: IDBValidKey; value: unknown };
}

export type Db = IDBPDatabase<OutboxSchema>;
export type StoreName = StoreNames<OutboxSchema>;
export type Transaction<Mode extends IDBTransactionMode = 'readonly' | 'readwrite'> = IDBPTransaction<
  OutboxSchema,
  StoreName[],
  Mode
>;

/** One step from a version of the database to the next, inside the upgrade's transaction. */
export type SchemaStep = (db: IDBDatabase, transaction: IDBTransaction) => void;

/** Append only: step n brings a database of version n to n + 1, and released steps never change. */
export const SCHEMA_STEPS: readonly SchemaStep[] = [
  (db) => {
    db.createObjectStore('segments').createIndex('place', 'place', { unique: true });
    db.createObjectStore('epochs');
    db.createObjectStore('suppliedIds').createIndex('position', 'position');
    db.createObjectStore('marks');
    db.createObjectStore('deadLetters', { autoIncrement: true }).createIndex('id', 'id', { unique: true });
    db.createObjectStore('state');
  },
  (db) => {
    db.createObjectStore('fates');
  },
  (db) => {
    db.createObjectStore('skips');
  },
];
