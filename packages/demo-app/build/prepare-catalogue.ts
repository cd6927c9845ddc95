import type { PackedCatalogue, PackedCustomer, PackedProduct } from '../src/catalogue/catalogue.ts';
import { type Amount, AMOUNT_UNITS_PER_DOLLAR } from '../src/order/money.ts';
import { lineTotal } from '../src/order/order.ts';
import type { SalesLine } from './superstore.ts';

const usualProductsMax = 12;

/** Makes the app's catalogue of the data set's order lines. The same lines give the same catalogue, byte for byte. */
export function prepareCatalogue(lines: readonly SalesLine[]): PackedCatalogue {
  const regions = distinct(lines.map(({ region }) => region));
  const segments = distinct(lines.map(({ segment }) => segment));
  const categories = distinct(lines.map(({ category }) => category)).map(
    (category) =>
      [
        category,
        distinct(lines.flatMap((line) => (line.category === category ? line.subCategory : []))),
      ] as const,
  );
  const products = prepareProducts(lines, categories);
  return {
    regions,
    segments,
    categories,
    products: products.map(({ row }) => row),
    customers: prepareCustomers(lines, { regions, segments, products }),
    source: {
      lines: lines.length,
      orders: new Set(lines.map(({ orderId }) => orderId)).size,
      sales: lines.reduce((sum, { sales }) => sum + sales, 0),
    },
  };
}

/**
 * The price before discount, in whole cents. The data set has only what was paid; every line of a product leads back to
 * the same price, and a line that did not would make the app's totals differ from the books, so that is an error.
 */
export function listPrice(line: SalesLine): Amount {
  const exact = (line.sales * 100) / (line.quantity * (100 - line.discountPercent));
  const price = Math.round(exact / (AMOUNT_UNITS_PER_DOLLAR / 100)) * (AMOUNT_UNITS_PER_DOLLAR / 100);
  const total = lineTotal({
    unitPrice: price,
    quantity: line.quantity,
    discountPercent: line.discountPercent,
  });
  if (total !== line.sales)
    throw new Error(`${line.orderId}, ${line.productName}: ${line.sales} is no multiple of a price in cents`);
  return price;
}

interface PreparedProduct {
  readonly key: string;
  readonly row: PackedProduct;
}

function prepareProducts(
  lines: readonly SalesLine[],
  categories: PackedCatalogue['categories'],
): PreparedProduct[] {
  const byKey = Map.groupBy(lines, productKey);
  const namesById = new Map<string, string[]>();
  for (const { productId, productName } of lines) {
    const names = namesById.get(productId) ?? [];
    if (!names.includes(productName)) namesById.set(productId, [...names, productName]);
  }
  return [...byKey]
    .flatMap(([key, [line]]) => (line === undefined ? [] : { key, line }))
    .toSorted((a, b) => compare(a.line.productName, b.line.productName) || compare(a.key, b.key))
    .map(({ key, line }) => {
      const category = categories.findIndex(([name]) => name === line.category);
      const subCategory = categories[category]?.[1].indexOf(line.subCategory) ?? -1;
      const twin = namesById.get(line.productId)?.indexOf(line.productName) ?? 0;
      const id = twin === 0 ? line.productId : `${line.productId}${String.fromCodePoint(97 + twin)}`;
      return { key, row: [id, line.productName, category, subCategory, listPrice(line) / 100] };
    });
}

function prepareCustomers(
  lines: readonly SalesLine[],
  tables: { regions: readonly string[]; segments: readonly string[]; products: readonly PreparedProduct[] },
): PackedCustomer[] {
  const positions = new Map(tables.products.map(({ key }, position) => [key, position]));
  return [...Map.groupBy(lines, ({ customerId }) => customerId).values()]
    .flatMap((own): PackedCustomer[] => {
      const newestFirst = own.toSorted((a, b) => compare(b.orderDate, a.orderDate));
      const [latest] = newestFirst;
      if (latest === undefined) return [];
      const usual = distinctInOrder(newestFirst.map(productKey)).slice(0, usualProductsMax);
      return [
        [
          latest.customerId,
          latest.customerName,
          tables.segments.indexOf(latest.segment),
          latest.city,
          latest.state,
          tables.regions.indexOf(latest.region),
          new Set(own.map(({ orderId }) => orderId)).size,
          own.reduce((sum, { sales }) => sum + sales, 0),
          latest.orderDate,
          usual.flatMap((key) => positions.get(key) ?? []),
        ],
      ];
    })
    .toSorted((a, b) => compare(a[1], b[1]) || compare(a[0], b[0]));
}

/** The data set gives some product ids to two products, so a product is its id and its name. */
function productKey({ productId, productName }: SalesLine): string {
  return `${productId} ${productName}`;
}

function distinct(texts: readonly string[]): string[] {
  return [...new Set(texts)].toSorted(compare);
}

function distinctInOrder(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}

/** By code unit, so that the result does not depend on the builder's language. */
function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
