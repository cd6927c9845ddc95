import { z } from 'zod';
import { lineTotal, type Order, ORDER_LIMITS, orderTotal } from '../src/order/order.ts';

const text = z.string().min(1).max(250);
const amount = z.int().min(0);

const orderSchema = z.object({
  version: z.literal(1),
  id: z.uuid(),
  number: text,
  rep: z.object({ id: text, name: text }),
  takenAt: z.iso.datetime(),
  customer: z.object({ id: text, name: text, city: text, state: text }),
  lines: z
    .array(
      z.object({
        productId: text,
        name: text,
        unitPrice: amount,
        quantity: z.int().min(1).max(ORDER_LIMITS.quantity),
        discountPercent: z.int().min(0).max(100),
        total: amount,
      }),
    )
    .min(1)
    .max(ORDER_LIMITS.lines),
  total: amount,
  note: z.string().max(ORDER_LIMITS.noteCharacters),
});

/** An order that the office can book, or the reason why it is none. Totals are counted again: the books hold no sum that the lines do not give. */
export function readOrder(body: unknown): { readonly order: Order } | { readonly reason: string } {
  const parsed = orderSchema.safeParse(body);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return { reason: `not an order: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}` };
  }
  const order = parsed.data;
  const wrong = order.lines.find((line) => line.total !== lineTotal(line));
  if (wrong !== undefined)
    return { reason: `the line ${wrong.productId} says ${wrong.total}, not ${lineTotal(wrong)}` };
  if (order.total !== orderTotal(order.lines))
    return { reason: `the total says ${order.total}, the lines give ${orderTotal(order.lines)}` };
  return { order };
}
