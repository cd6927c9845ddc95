import type { Catalogue, Customer, Product } from '../catalogue/catalogue.ts';
import type { Amount } from '../order/money.ts';
import {
  lineTotal,
  type Order,
  ORDER_LIMITS,
  type OrderLine,
  orderNumber,
  orderTotal,
} from '../order/order.ts';
import type { DraftLine, DraftRow } from './database.ts';
import type { Rep } from './reps.ts';

// What happens to a draft, without a database or a clock: each function gives a new draft.

export function emptyDraft(repId: string): DraftRow {
  return { repId, customerId: undefined, lines: [], note: '' };
}

export function chooseCustomer(draft: DraftRow, customerId: string | undefined): DraftRow {
  return { ...draft, customerId };
}

export function addProduct(draft: DraftRow, productId: string): DraftRow {
  const line = draft.lines.find((candidate) => candidate.productId === productId);
  if (line !== undefined) return setQuantity(draft, productId, line.quantity + 1);
  if (draft.lines.length >= ORDER_LIMITS.lines) return draft;
  return { ...draft, lines: [...draft.lines, { productId, quantity: 1, discountPercent: 0 }] };
}

/** A quantity of 0 takes the line out. */
export function setQuantity(draft: DraftRow, productId: string, quantity: number): DraftRow {
  const whole = Math.min(Math.max(Math.trunc(quantity), 0), ORDER_LIMITS.quantity);
  if (whole === 0) return { ...draft, lines: draft.lines.filter((line) => line.productId !== productId) };
  return changeLine(draft, productId, { quantity: whole });
}

export function setDiscount(draft: DraftRow, productId: string, percent: number): DraftRow {
  return changeLine(draft, productId, { discountPercent: Math.min(Math.max(Math.trunc(percent), 0), 100) });
}

export function setNote(draft: DraftRow, note: string): DraftRow {
  return { ...draft, note: note.slice(0, ORDER_LIMITS.noteCharacters) };
}

/** A draft with the catalogue's records in place of ids. Products that the catalogue no longer has are left out. */
export interface PricedDraft {
  readonly customer: Customer | undefined;
  readonly lines: readonly PricedLine[];
  readonly total: Amount;
}

export interface PricedLine extends OrderLine {
  readonly product: Product;
}

export function priceDraft(draft: DraftRow, catalogue: Catalogue): PricedDraft {
  const lines = draft.lines.flatMap((line): PricedLine[] => {
    const product = catalogue.products.find(({ id }) => id === line.productId);
    return product === undefined ? [] : [priceLine(line, product)];
  });
  return {
    customer: catalogue.customers.find(({ id }) => id === draft.customerId),
    lines,
    total: orderTotal(lines),
  };
}

/** The order that a draft becomes; undefined while it lacks a customer or lines. */
export function orderOf(
  priced: PricedDraft,
  given: { readonly id: string; readonly takenAt: Date; readonly rep: Rep; readonly note: string },
): Order | undefined {
  const { customer, lines, total } = priced;
  if (customer === undefined || lines.length === 0) return undefined;
  return {
    version: 1,
    id: given.id,
    number: orderNumber(given.rep.name, given.id),
    rep: { id: given.rep.id, name: given.rep.name },
    takenAt: given.takenAt.toISOString(),
    customer: { id: customer.id, name: customer.name, city: customer.city, state: customer.state },
    lines: lines.map(orderLine),
    total,
    note: given.note.trim(),
  };
}

function orderLine({ productId, name, unitPrice, quantity, discountPercent, total }: PricedLine): OrderLine {
  return { productId, name, unitPrice, quantity, discountPercent, total };
}

function priceLine(line: DraftLine, product: Product): PricedLine {
  const priced = { unitPrice: product.price, quantity: line.quantity, discountPercent: line.discountPercent };
  return { product, productId: product.id, name: product.name, ...priced, total: lineTotal(priced) };
}

function changeLine(draft: DraftRow, productId: string, change: Partial<DraftLine>): DraftRow {
  const lines = draft.lines.map((line) => (line.productId === productId ? { ...line, ...change } : line));
  return { ...draft, lines };
}
