import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sampleOrder } from '../src/order/sample-order.ts';
import { Books } from './books.ts';

const now = new Date('2026-11-23T12:00:00Z');
const arrivedAt = new Date('2026-11-23T11:59:59Z');

let folder: string;
let books: Books;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fieldpost-books-'));
  books = new Books(folder);
});
afterEach(() => {
  books.close();
  rmSync(folder, { recursive: true, force: true });
});

test('a message that comes again is not booked again, not even after a restart', () => {
  const order = sampleOrder();
  expect(books.book({ messageId: 'm1', arrivedAt, order }, now)).toBe('booked');
  expect(books.book({ messageId: 'm1', arrivedAt, order }, now)).toBe('seen');
  books.close();
  books = new Books(folder);
  expect(books.book({ messageId: 'm1', arrivedAt, order }, now)).toBe('seen');
  expect(books.view()).toMatchObject({ orders: 1, lines: 1, total: order.total, repeated: 0 });
});

test('an order that a rep sent once more, in another message, is booked once', () => {
  const order = sampleOrder();
  books.book({ messageId: 'm1', arrivedAt, order }, now);
  expect(books.book({ messageId: 'm2', arrivedAt, order }, now)).toBe('repeated');
  expect(books.view()).toMatchObject({ orders: 1, repeated: 1 });
});

test('what is no order is set aside once, with its reason, and counts for nothing', () => {
  books.setAside('m1', { hello: 'world' }, 'not an order');
  books.setAside('m1', { hello: 'world' }, 'not an order');
  expect(books.view()).toMatchObject({ orders: 0, total: 0, setAside: 1 });
});

test('the latest booking is shown first, and sums are kept by rep', () => {
  const first = sampleOrder({ id: '01a208a5-b32c-7b02-877b-51e7294a7f01' });
  const second = sampleOrder({
    id: '01a208a5-b32c-7b02-877b-51e7294a7f02',
    rep: { id: 'tomas', name: 'Tomas Okafor' },
  });
  books.book({ messageId: 'm1', arrivedAt, order: first }, now);
  books.book({ messageId: 'm2', arrivedAt, order: second }, now);
  const view = books.view();
  expect(view.recent.map(({ orderId }) => orderId)).toEqual([second.id, first.id]);
  expect(view.recent[0]).toMatchObject({
    takenAt: second.takenAt,
    bookedAt: now.toISOString(),
    place: 'Houston, Texas',
  });
  expect(view.byRep).toEqual([
    { rep: 'Maya Lindqvist', orders: 1, total: first.total },
    { rep: 'Tomas Okafor', orders: 1, total: second.total },
  ]);
});
