import { expect, it } from 'vitest';
import { unpackCatalogue } from '../src/catalogue/catalogue.ts';
import { lineTotal } from '../src/order/order.ts';
import { listPrice, prepareCatalogue } from './prepare-catalogue.ts';
import { readSuperstore } from './superstore.ts';

const lines = readSuperstore();
const packed = prepareCatalogue(lines);
const catalogue = unpackCatalogue(packed);

it('is made of all 9,994 lines and 5,009 orders', () => {
  expect(catalogue.source).toEqual({ lines: 9_994, orders: 5_009, sales: 22_972_008_603 });
  expect(catalogue.customers).toHaveLength(793);
  expect(catalogue.products).toHaveLength(1_894);
});

it('has a price for every product that leads back to each line of the data set', () => {
  const prices = new Map(
    catalogue.products.map(({ id, name, price }) => [`${id.slice(0, 15)} ${name}`, price]),
  );
  for (const line of lines) {
    const unitPrice = prices.get(`${line.productId} ${line.productName}`) ?? Number.NaN;
    expect(lineTotal({ ...line, unitPrice })).toBe(line.sales);
  }
});

it('gives each product an id of its own, where the data set has one id for two', () => {
  expect(new Set(lines.map(({ productId }) => productId)).size).toBe(1_862);
  expect(new Set(catalogue.products.map(({ id }) => id)).size).toBe(1_894);
});

it('counts the orders and sales of each customer', () => {
  const orders = catalogue.customers.reduce((sum, customer) => sum + customer.orders, 0);
  const sales = catalogue.customers.reduce((sum, customer) => sum + customer.sales, 0);
  expect(orders).toBe(5_009);
  expect(sales).toBe(catalogue.source.sales);
  const claire = catalogue.customers.find(({ id }) => id === 'CG-12520');
  expect(claire).toMatchObject({ name: 'Claire Gute', segment: 'Consumer', lastOrderDate: '2017-01-26' });
  expect(claire?.usual.length).toBeGreaterThan(2);
});

it('gives the same bytes for the same lines, so that an unchanged catalogue is not fetched anew', () => {
  expect(JSON.stringify(prepareCatalogue(readSuperstore()))).toBe(JSON.stringify(packed));
});

it('refuses a line whose price is no whole number of cents', () => {
  const [line] = lines;
  if (line === undefined) throw new Error('no lines');
  expect(() => listPrice({ ...line, sales: line.sales + 1 })).toThrow('no multiple of a price in cents');
});
