import { createRng } from '@fieldpost/protocol';
import { expect, test } from 'vitest';
import { dealOrders } from './order-book.ts';
import { type Sabotage, sabotageOrders } from './sabotage.ts';
import { readSuperstore } from './superstore.ts';

const [book] = dealOrders(readSuperstore().slice(0, 40), 4, 'seed');
const orders = book?.orders ?? [];

test('drop leaves one out', () => {
  const sent = plant('drop');
  expect(sent).toHaveLength(orders.length - 1);
  expect(orders.filter((order) => !sent.includes(order))).toHaveLength(1);
});

test('double sends one order twice, under another id, after the first', () => {
  const sent = plant('double');
  expect(sent).toHaveLength(orders.length + 1);
  expect(new Set(sent.map(({ id }) => id)).size).toBe(orders.length + 1);
  expect(new Set(sent.map(({ body }) => body.order)).size).toBe(orders.length);
});

test('swap sends the same orders with two neighbours exchanged', () => {
  const sent = plant('swap');
  expect(sent.toSorted(byId)).toEqual(orders.toSorted(byId));
  expect(sent.filter((order, index) => order !== orders[index])).toHaveLength(2);
});

test('cent changes one line by one cent and nothing else', () => {
  const sent = plant('cent');
  const changed = sent.filter((order, index) => order !== orders[index]);
  expect(changed).toHaveLength(1);
  const [original] = orders.filter(({ id }) => id === changed[0]?.id);
  expect((changed[0]?.body.lines[0]?.sales ?? 0) - (original?.body.lines[0]?.sales ?? 0)).toBe(100);
});

test('too few orders to plant anything in is an error, not a clean run', () => {
  expect(() => sabotageOrders(orders.slice(0, 1), 'swap', createRng(1))).toThrow(/more orders/);
});

function plant(sabotage: Sabotage): readonly (typeof orders)[number][] {
  return sabotageOrders(orders, sabotage, createRng('place'));
}

function byId(one: { readonly id: string }, other: { readonly id: string }): number {
  return one.id < other.id ? -1 : 1;
}
