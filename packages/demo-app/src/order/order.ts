import type { Amount } from './money.ts';

/** An order as it travels: everything the office needs to book it, without looking anything up. */
export interface Order {
  readonly version: 1;
  /** The id of the message that carries it, so that app, queue and books all speak of the same order. */
  readonly id: string;
  /** What people call it: the rep's initials and the start of the id. */
  readonly number: string;
  readonly rep: OrderRep;
  /** ISO time by the device's clock. */
  readonly takenAt: string;
  readonly customer: OrderCustomer;
  readonly lines: readonly OrderLine[];
  /** The sum of the lines' totals. */
  readonly total: Amount;
  readonly note: string;
}

interface OrderRep {
  readonly id: string;
  readonly name: string;
}

interface OrderCustomer {
  readonly id: string;
  readonly name: string;
  readonly city: string;
  readonly state: string;
}

export interface OrderLine {
  readonly productId: string;
  readonly name: string;
  /** Before discount. Whole cents, so that any whole percentage of it is an exact {@link Amount}. */
  readonly unitPrice: Amount;
  readonly quantity: number;
  /** Whole percent, 0 to 100. */
  readonly discountPercent: number;
  /** Quantity times price, less the discount. */
  readonly total: Amount;
}

/** The queue that orders are sent to. */
export const ORDERS_QUEUE = 'orders';

/** Bounds that app and office both hold an order to. */
export const ORDER_LIMITS = { lines: 200, quantity: 9_999, noteCharacters: 500 } as const;

/** A line's total, exact: `unitPrice` is whole cents, so the hundredth part of its product with a percentage is whole. */
export function lineTotal(line: {
  readonly unitPrice: Amount;
  readonly quantity: number;
  readonly discountPercent: number;
}): Amount {
  return (line.unitPrice * line.quantity * (100 - line.discountPercent)) / 100;
}

export function orderTotal(lines: readonly { readonly total: Amount }[]): Amount {
  return lines.reduce((sum, line) => sum + line.total, 0);
}

/** What people call an order: `ML-0199A3F2`. */
export function orderNumber(repName: string, id: string): string {
  const initials = repName
    .split(' ')
    .map((word) => word.slice(0, 1).toUpperCase())
    .join('');
  return `${initials}-${id.replaceAll('-', '').slice(-8).toUpperCase()}`;
}
