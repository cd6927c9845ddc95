import { invariant, LIMITS } from '@fieldpost/protocol';
import { StoreError } from './store-error.ts';

/**
 * The key of a message: one integer that sorts as its queue does.
 *
 *     queue (12 bits) ‖ 7 − priority (3 bits) ‖ arrival (38 bits)        53 bits, a JavaScript safe integer
 *
 * - queue: 0 … 4,095. The number of a deleted queue is given again when the others are used up, and its rows are gone.
 * - 7 − priority: the highest priority comes first.
 * - arrival: 1 … 274,877,906,943, one counter per queue: a thousand messages a second for 8.7 years. A queue that has
 *   used half of it starts again at 1 when it is empty; one that never is empty refuses with `quota-exceeded` at the end.
 *
 * Receipts and cursors carry the key without the queue's part.
 */
const QUEUE_BITS = 12;
const PRIORITY_BITS = 3;
const ARRIVAL_BITS = 38;

/** Queues that one store can hold. */
export const QUEUES_MAX = 2 ** QUEUE_BITS;
/** The last arrival number of a queue. */
export const ARRIVALS_MAX = 2 ** ARRIVAL_BITS - 1;

const PRIORITY_KEYS = 2 ** ARRIVAL_BITS;
const QUEUE_KEYS = 2 ** (ARRIVAL_BITS + PRIORITY_BITS);

/** The first key that a message of the queue can have. */
export function queueStart(queueNumber: number): number {
  invariant(
    Number.isInteger(queueNumber) && queueNumber >= 0 && queueNumber < QUEUES_MAX,
    `a queue number is 0 to ${QUEUES_MAX - 1}, not ${queueNumber}`,
  );
  return queueNumber * QUEUE_KEYS;
}

/** The first key behind those of the queue. */
export function queueEnd(queueNumber: number): number {
  return queueStart(queueNumber) + QUEUE_KEYS;
}

/** The number of the queue that a key belongs to. */
export function queueOfKey(key: number): number {
  return Math.floor(key / QUEUE_KEYS);
}

/** The first key of a priority within the queue's keys. */
export function priorityStart(queueNumber: number, priority: number): number {
  invariant(
    Number.isInteger(priority) && priority >= 0 && priority <= LIMITS.priorityMax,
    `a priority is 0 to ${LIMITS.priorityMax}, not ${priority}`,
  );
  return queueStart(queueNumber) + (LIMITS.priorityMax - priority) * PRIORITY_KEYS;
}

export function priorityOfKey(key: number): number {
  return LIMITS.priorityMax - (Math.floor(key / PRIORITY_KEYS) % (LIMITS.priorityMax + 1));
}

/** The arrival number of a message. */
export function arrivalOfKey(key: number): number {
  return key % PRIORITY_KEYS;
}

/** The first key behind those of the same queue and priority. */
export function nextPriorityStart(key: number): number {
  return (Math.floor(key / PRIORITY_KEYS) + 1) * PRIORITY_KEYS;
}

/** The key within its queue, as receipts and cursors carry it. */
export function placeOfKey(key: number): number {
  return key % QUEUE_KEYS;
}

/** The key of a place in a queue; undefined when no message of the queue can have it. */
export function keyOfPlace(queueNumber: number, place: number): number | undefined {
  return place < QUEUE_KEYS ? queueStart(queueNumber) + place : undefined;
}

/**
 * The arrival number before the first of `count` new messages.
 *
 * @throws StoreError `quota-exceeded` when the queue's numbers are used up
 */
export function arrivalsBefore(
  queue: { readonly name: string; readonly arrivals: number; readonly messages: number },
  count: number,
): number {
  const restarts = queue.messages === 0 && queue.arrivals > ARRIVALS_MAX / 2;
  const before = restarts ? 0 : queue.arrivals;
  if (before + count > ARRIVALS_MAX) {
    throw new StoreError(
      'quota-exceeded',
      `queue "${queue.name}" has had ${before} arrivals since it was last empty and takes at most ${ARRIVALS_MAX}: empty it once`,
    );
  }
  return before;
}
