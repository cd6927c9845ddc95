import { expect, test } from 'vitest';
import type { Catalogue, Customer, Product } from '../catalogue/catalogue.ts';
import { ORDER_LIMITS } from '../order/order.ts';
import {
  addProduct,
  chooseCustomer,
  emptyDraft,
  orderOf,
  priceDraft,
  setDiscount,
  setNote,
  setQuantity,
} from './draft.ts';
import { newId } from './new-id.ts';
import { findRep } from './reps.ts';

const table: Product = {
  id: 'table',
  name: 'Table',
  category: 'Furniture',
  subCategory: 'Tables',
  price: 3_482_100,
  hasNamesake: false,
};
const paper: Product = { ...table, id: 'paper', name: 'Paper', price: 66_800 };
const claire: Customer = {
  id: 'claire',
  name: 'Claire Gute',
  segment: 'Consumer',
  city: 'Houston',
  state: 'Texas',
  region: 'Central',
  orders: 3,
  sales: 1,
  lastOrderDate: '2017-01-26',
  usual: [],
};
const catalogue: Catalogue = {
  customers: [claire],
  products: [table, paper],
  categories: [],
  regions: [],
  source: { lines: 0, orders: 0, sales: 0 },
};
const maya = findRep('maya');
if (maya === undefined) throw new Error('maya is gone');
const given = { id: newId(0, new Uint8Array(10)), takenAt: new Date(0), rep: maya, note: ' soon ' };

test('a product that is added twice is one line of two', () => {
  const draft = addProduct(addProduct(emptyDraft('maya'), 'table'), 'table');
  expect(draft.lines).toEqual([{ productId: 'table', quantity: 2, discountPercent: 0 }]);
});

test('a quantity of nothing takes the line out, and one beyond the limit is cut to it', () => {
  const draft = addProduct(emptyDraft('maya'), 'table');
  expect(setQuantity(draft, 'table', 0).lines).toEqual([]);
  expect(setQuantity(draft, 'table', 1_000_000).lines[0]?.quantity).toBe(ORDER_LIMITS.quantity);
});

test('the order has the exact totals of its lines', () => {
  let draft = chooseCustomer(emptyDraft('maya'), 'claire');
  draft = setDiscount(setQuantity(addProduct(draft, 'table'), 'table', 5), 'table', 45);
  draft = addProduct(draft, 'paper');
  const order = orderOf(priceDraft(draft, catalogue), given);
  expect(order?.lines.map(({ total }) => total)).toEqual([9_575_775, 66_800]);
  expect(order).toMatchObject({ total: 9_642_575, note: 'soon', customer: { name: 'Claire Gute' } });
});

test('without a customer or a line there is no order', () => {
  expect(orderOf(priceDraft(addProduct(emptyDraft('maya'), 'table'), catalogue), given)).toBeUndefined();
  expect(orderOf(priceDraft(chooseCustomer(emptyDraft('maya'), 'claire'), catalogue), given)).toBeUndefined();
});

test('what the catalogue no longer has is left out of the price', () => {
  const draft = addProduct(addProduct(emptyDraft('maya'), 'gone'), 'paper');
  expect(priceDraft(draft, catalogue).total).toBe(66_800);
});

test('a note is cut to what the office takes', () => {
  expect(setNote(emptyDraft('maya'), 'x'.repeat(1_000)).note).toHaveLength(ORDER_LIMITS.noteCharacters);
});

test('ids are UUIDs of version 7 that sort by time', () => {
  const ids = [1_700_000_000_000, 1_700_000_000_001].map((at) => newId(at, new Uint8Array(10).fill(255)));
  for (const id of ids)
    expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
  expect(ids.toSorted()).toEqual(ids);
  expect(ids[0]).toBe('018bcfe5-6800-7fff-bfff-ffffffffffff');
});
