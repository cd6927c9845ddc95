/** What the shop sends. */
export interface Order {
  readonly number: string;
  readonly customer: string;
  readonly pieces: number;
  /** In cents. */
  readonly total: number;
}

/** The queues of the workflow, in the order in which a good order goes through them. */
export const QUEUES = {
  /** Orders as they come in. */
  orders: 'orders',
  /** Orders that somebody has to look at: the customer's credit is used up. */
  questions: 'questions',
  /** Orders to be packed. */
  shipments: 'shipments',
  /** One message for each parcel, for the carrier. */
  parcels: 'parcels',
  /** Packed orders to be invoiced. */
  invoicing: 'invoicing',
  /** Finished invoices. */
  invoices: 'invoices',
} as const;

/** Reads an order; what it throws gives the message back. */
export function readOrder(body: unknown): Order {
  if (typeof body !== 'object' || body === null) throw new TypeError('an order is an object');
  const { number, customer, pieces, total } = { ...EMPTY, ...body };
  if (typeof number !== 'string' || typeof customer !== 'string')
    throw new TypeError('an order has a number and a customer');
  if (typeof pieces !== 'number' || typeof total !== 'number')
    throw new TypeError(`order ${number} has no pieces or no total`);
  return { number, customer, pieces, total };
}

const EMPTY: Readonly<Record<keyof Order, unknown>> = {
  number: undefined,
  customer: undefined,
  pieces: undefined,
  total: undefined,
};
