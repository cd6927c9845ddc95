import type { Order, OrderLine } from '../superstore.ts';

/** @throws Error that names what is missing, for a body that no tablet of ours sends */
export function readOrder(body: unknown): Order {
  const lines = field(body, 'lines');
  if (!Array.isArray(lines)) throw new Error('an order without lines');
  return {
    order: text(body, 'order'),
    date: text(body, 'date'),
    customer: text(body, 'customer'),
    city: text(body, 'city'),
    lines: lines.map(readLine),
    total: whole(body, 'total'),
  };
}

function readLine(line: unknown): OrderLine {
  return {
    row: whole(line, 'row'),
    product: text(line, 'product'),
    name: text(line, 'name'),
    quantity: whole(line, 'quantity'),
    discount: whole(line, 'discount'),
    sales: whole(line, 'sales'),
  };
}

function text(value: unknown, name: string): string {
  const found = field(value, name);
  if (typeof found !== 'string') throw new Error(`an order without ${name}`);
  return found;
}

function whole(value: unknown, name: string): number {
  const found = field(value, name);
  if (typeof found !== 'number' || !Number.isSafeInteger(found)) throw new Error(`an order without ${name}`);
  return found;
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
