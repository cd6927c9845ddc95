import type { Order } from './order.ts';

/** An order for tests: five tables at 45 % off. */
export function sampleOrder(changes: Partial<Order> = {}): Order {
  return {
    version: 1,
    id: '01a208a5-b32c-7b02-877b-51e7294a7fbc',
    number: 'ML-294A7FBC',
    rep: { id: 'maya', name: 'Maya Lindqvist' },
    takenAt: '2026-11-23T11:58:00.000Z',
    customer: { id: 'CG-12520', name: 'Claire Gute', city: 'Houston', state: 'Texas' },
    lines: [
      {
        productId: 'FUR-TA-10000577',
        name: 'Bretford CR4500 Series Slim Rectangular Table',
        unitPrice: 3_482_100,
        quantity: 5,
        discountPercent: 45,
        total: 9_575_775,
      },
    ],
    total: 9_575_775,
    note: '',
    ...changes,
  };
}
