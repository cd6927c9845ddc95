import { InvariantError } from '@fieldpost/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  ARRIVALS_MAX,
  arrivalsBefore,
  keyOfPlace,
  priorityStart,
  placeOfKey,
  priorityOfKey,
  QUEUES_MAX,
  queueEnd,
  queueStart,
} from './message-key.ts';

const queue = fc.integer({ min: 0, max: QUEUES_MAX - 1 });
const priority = fc.integer({ min: 0, max: 7 });
const arrival = fc.oneof(
  fc.integer({ min: 1, max: ARRIVALS_MAX }),
  fc.constantFrom(1, 2, ARRIVALS_MAX - 1, ARRIVALS_MAX),
);
const parts = fc.record({ queue, priority, arrival });

test('keys sort by queue, then priority from high to low, then arrival', () => {
  fc.assert(
    fc.property(parts, parts, (left, right) => {
      const order =
        left.queue - right.queue || right.priority - left.priority || left.arrival - right.arrival;
      expect(Math.sign(keyOf(left) - keyOf(right))).toBe(Math.sign(order));
    }),
  );
});

test('a key is a safe integer within its queue, and gives its parts back', () => {
  fc.assert(
    fc.property(parts, (one) => {
      const key = keyOf(one);
      expect(Number.isSafeInteger(key)).toBe(true);
      expect(key).toBeGreaterThanOrEqual(queueStart(one.queue));
      expect(key).toBeLessThan(queueEnd(one.queue));
      expect(priorityOfKey(key)).toBe(one.priority);
      expect(keyOfPlace(one.queue, placeOfKey(key))).toBe(key);
    }),
  );
});

test('the largest key is the largest safe integer', () => {
  expect(keyOf({ queue: QUEUES_MAX - 1, priority: 0, arrival: ARRIVALS_MAX })).toBe(Number.MAX_SAFE_INTEGER);
});

test('no number beyond its bits is taken', () => {
  for (const bad of [-1, QUEUES_MAX, 0.5, Number.NaN]) expect(() => queueStart(bad)).toThrow(InvariantError);
  for (const bad of [-1, 8, 0.5, Number.NaN]) expect(() => priorityStart(0, bad)).toThrow(InvariantError);
  expect(keyOfPlace(0, placeOfKey(Number.MAX_SAFE_INTEGER))).toBe(queueEnd(0) - 1);
  expect(keyOfPlace(0, queueEnd(0))).toBeUndefined();
});

test('arrival numbers go on, start again only in an empty queue past the half, and end', () => {
  const half = Math.ceil(ARRIVALS_MAX / 2);
  expect(arrivalsBefore({ name: 'orders', arrivals: 10, messages: 0 }, 5)).toBe(10);
  expect(arrivalsBefore({ name: 'orders', arrivals: half, messages: 0 }, 5)).toBe(0);
  expect(arrivalsBefore({ name: 'orders', arrivals: half, messages: 1 }, 5)).toBe(half);
  expect(arrivalsBefore({ name: 'orders', arrivals: ARRIVALS_MAX - 5, messages: 1 }, 5)).toBe(
    ARRIVALS_MAX - 5,
  );
  expect(() => arrivalsBefore({ name: 'orders', arrivals: ARRIVALS_MAX - 4, messages: 1 }, 5)).toThrow(
    /"orders"/,
  );
});

function keyOf(one: { readonly queue: number; readonly priority: number; readonly arrival: number }): number {
  return priorityStart(one.queue, one.priority) + one.arrival;
}
