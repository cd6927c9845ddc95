import type { Amount } from '../order/money.ts';

/** What a rep needs at hand without a network: who buys, and what there is to sell. Prepared when the app is built. */
export interface Catalogue {
  readonly customers: readonly Customer[];
  readonly products: readonly Product[];
  readonly categories: readonly Category[];
  readonly regions: readonly string[];
  /** What it was made from. */
  readonly source: { readonly lines: number; readonly orders: number; readonly sales: Amount };
}

export interface Customer {
  readonly id: string;
  readonly name: string;
  readonly segment: string;
  /** Where the latest order went. */
  readonly city: string;
  readonly state: string;
  readonly region: string;
  /** What they ordered so far. */
  readonly orders: number;
  readonly sales: Amount;
  /** `2017-11-08` */
  readonly lastOrderDate: string;
  /** Products they bought, the latest first. */
  readonly usual: readonly Product[];
}

export interface Product {
  /** The data set's product id; where it gives one id to several products, with a letter behind it. */
  readonly id: string;
  readonly name: string;
  readonly category: string;
  readonly subCategory: string;
  /** Whole cents. */
  readonly price: Amount;
  /** Whether another product has the same name, so that only the id tells them apart. */
  readonly hasNamesake: boolean;
}

export interface Category {
  readonly name: string;
  readonly subCategories: readonly string[];
}

/**
 * The catalogue as the build writes it: rows instead of objects, and positions instead of repeated texts, for a third of
 * the size.
 */
export interface PackedCatalogue {
  readonly regions: readonly string[];
  readonly segments: readonly string[];
  readonly categories: readonly (readonly [name: string, subCategories: readonly string[]])[];
  readonly products: readonly PackedProduct[];
  readonly customers: readonly PackedCustomer[];
  readonly source: Catalogue['source'];
}

export type PackedProduct = readonly [
  id: string,
  name: string,
  category: number,
  subCategory: number,
  cents: number,
];

export type PackedCustomer = readonly [
  id: string,
  name: string,
  segment: number,
  city: string,
  state: string,
  region: number,
  orders: number,
  sales: Amount,
  lastOrderDate: string,
  usual: readonly number[],
];

/** Turns what the build wrote back into records. */
export function unpackCatalogue(packed: PackedCatalogue): Catalogue {
  const uses = Map.groupBy(packed.products, ([, name]) => name);
  const products = packed.products.map(([id, name, category, subCategory, cents]): Product => {
    const [categoryName = '', subCategories = []] = packed.categories[category] ?? [];
    return {
      id,
      name,
      category: categoryName,
      subCategory: subCategories[subCategory] ?? '',
      price: cents * 100,
      hasNamesake: (uses.get(name)?.length ?? 0) > 1,
    };
  });
  const customers = packed.customers.map(
    ([id, name, segment, city, state, region, orders, sales, lastOrderDate, usual]): Customer => ({
      id,
      name,
      segment: packed.segments[segment] ?? '',
      city,
      state,
      region: packed.regions[region] ?? '',
      orders,
      sales,
      lastOrderDate,
      usual: usual.flatMap((position) => products[position] ?? []),
    }),
  );
  const categories = packed.categories.map(([name, subCategories]): Category => ({ name, subCategories }));
  return { customers, products, categories, regions: packed.regions, source: packed.source };
}
