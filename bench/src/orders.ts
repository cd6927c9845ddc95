import { createRng, type Rng } from '@fieldpost/protocol';

/** What every contestant sends: an order of a sales rep, about 300 bytes as JSON. */
export interface Order {
  readonly id: string;
  readonly customer: string;
  readonly rep: string;
  readonly takenAt: string;
  readonly lines: readonly OrderLine[];
  readonly note: string;
}

export interface OrderLine {
  readonly product: string;
  readonly quantity: number;
  readonly priceCents: number;
}

const words = [
  'before',
  'noon',
  'ring',
  'twice',
  'back',
  'door',
  'pallet',
  'invoice',
  'by',
  'post',
  'ask',
  'for',
];
const firstOrderMs = Date.UTC(2026, 0, 5, 8);

/** Orders `first` to `first + count - 1` of a seed: the same on every machine and for every contestant. */
export function makeOrders(seed: number, count: number, first = 0): Order[] {
  return Array.from({ length: count }, (_, index) => makeOrder(seed, first + index));
}

function makeOrder(seed: number, index: number): Order {
  const rng = createRng(`${seed}/${index}`);
  return {
    id: uuid(rng),
    customer: `customer-${rng.below(9000) + 1000}`,
    rep: `rep-${rng.below(40) + 10}`,
    takenAt: new Date(firstOrderMs + index * 61_000).toISOString(),
    lines: [makeLine(rng), makeLine(rng)],
    note: Array.from({ length: 6 }, () => rng.pick(words)).join(' '),
  };
}

function makeLine(rng: Rng): OrderLine {
  return {
    product: `product-${rng.below(90_000) + 10_000}`,
    quantity: rng.below(90) + 10,
    priceCents: rng.below(90_000) + 10_000,
  };
}

function uuid(rng: Rng): string {
  const hex = Array.from(rng.bytes(16), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
