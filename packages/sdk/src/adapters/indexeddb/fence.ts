import type { Transaction } from './schema.ts';

/**
 * A fence stands on the place in the log after a segment, and keeps a handle that believes this segment to be the last from
 * saving there. It is a record beside the segments under the place itself, a number, which no range of segments holds; the
 * unique index `place` keeps two records from having one place.
 *
 * Put by whoever saves after a segment of another handle, and by whoever trims the last one. It outlives what is trimmed:
 * the place after a segment that is gone must never be taken a second time.
 */
export function putFence(transaction: Transaction<'readwrite'>, after: number): Promise<unknown> {
  const place = after + 1;
  return transaction.objectStore('segments').put({ place }, place);
}

/** For the handle whose own segment is at `after`: it has learned that it is not the last. */
export function removeFence(transaction: Transaction<'readwrite'>, after: number): Promise<unknown> {
  return transaction.objectStore('segments').delete(after + 1);
}

/**
 * A handle acts on what it knows for a second after it has looked (`saveSegments`), so what it may meet is not far behind
 * the end of the log: this is a hundred times what any device saves in a second.
 */
const FENCED_PLACES = 100_000;

/** Removes the fences that nobody can meet any more: those of tabs that are long gone. */
export function forgetFences(transaction: Transaction<'readwrite'>, last: number): Promise<unknown> {
  const forgotten = IDBKeyRange.bound(0, Math.max(0, last - FENCED_PLACES));
  return transaction.objectStore('segments').delete(forgotten);
}
