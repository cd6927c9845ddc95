import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readSuperstore } from '../superstore.ts';
import { LedgerReader } from './ledger-reader.ts';
import { type Delivery, LedgerWriter } from './ledger.ts';
import { readOrder } from './read-order.ts';

const [order, other] = readSuperstore();
let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fieldpost-ledger-'));
  file = join(folder, 'ledger.sqlite');
});
afterEach(() => rmSync(folder, { recursive: true }));

test('before the consumer began there is nothing, which is no error', () => {
  expect(new LedgerReader(file).booked()).toBe(0);
});

test('a message handed out twice is one arrival, two deliveries and one booking', () => {
  write(delivery({ deliveryCount: 1 }), delivery({ deliveryCount: 2 }));
  const reader = new LedgerReader(file);
  expect(reader.arrivals()).toMatchObject([{ arrival: 5, messageId: 'm-1', deliveries: 2, body: order }]);
  expect(reader.booked()).toBe(1);
  expect(reader.sums()).toEqual({ bookings: 1, lines: 2, total: order?.total, sales: order?.total });
  expect(reader.changedBetweenDeliveries()).toEqual([]);
});

test('a message that arrived twice is two arrivals, although it is booked once', () => {
  write(delivery({ arrival: 5 }), delivery({ arrival: 6 }));
  const reader = new LedgerReader(file);
  expect(reader.arrivals().map(({ arrival, deliveries }) => [arrival, deliveries])).toEqual([
    [5, 1],
    [6, 1],
  ]);
  expect(reader.booked()).toBe(1);
});

test('arrivals come in the order of arrival, not of delivery', () => {
  write(delivery({ arrival: 6, messageId: 'm-2' }), delivery({ arrival: 5 }));
  expect(new LedgerReader(file).arrivals().map(({ messageId }) => messageId)).toEqual(['m-1', 'm-2']);
});

test('an arrival whose content changed between its deliveries is found', () => {
  write(delivery({}), delivery({ body: other ?? fail() }));
  const reader = new LedgerReader(file);
  expect(reader.changedBetweenDeliveries()).toEqual(['m-1']);
});

test('a body that is no order is refused by name of what is missing', () => {
  expect(readOrder(JSON.parse(JSON.stringify(order)))).toEqual(order);
  expect(() => readOrder({ ...order, total: '1' })).toThrow('an order without total');
  expect(() => readOrder({ ...order, lines: [{}] })).toThrow('an order without row');
  expect(() => readOrder(null)).toThrow('an order without lines');
});

function write(...deliveries: readonly Delivery[]): void {
  const writer = new LedgerWriter(file);
  for (const each of deliveries) writer.book(each);
  writer.close();
}

function delivery(changes: Partial<Delivery>): Delivery {
  const body = order ?? fail();
  return { arrival: 5, messageId: 'm-1', deliveryCount: 1, tablet: 'tablet-1', body, ...changes };
}

function fail(): never {
  throw new Error('the sample has orders');
}
