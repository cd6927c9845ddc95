import { ActionIcon, Button } from '@mantine/core';
import { useDeferredValue, useMemo, useState } from 'react';
import type { Product } from '../../catalogue/catalogue.ts';
import { search, searchable } from '../../catalogue/search.ts';
import { formatAmount } from '../../order/money.ts';
import { EmptyState } from '../../ui/empty-state.tsx';
import { Icon } from '../../ui/icons.tsx';
import { QuantityStepper } from '../../ui/quantity-stepper.tsx';
import { SearchField } from '../../ui/search-field.tsx';
import type { DraftRow } from '../database.ts';
import { addProduct, setQuantity } from '../draft.ts';
import { useWorkplace } from '../session-context.tsx';
import classes from './product-finder.module.css';

const pageSize = 40;

interface ProductFinderProps {
  readonly draft: DraftRow;
  readonly onChange: (change: (draft: DraftRow) => DraftRow) => void;
  /** What the chosen customer bought before, offered first. */
  readonly usual?: readonly Product[];
}

/** Find products by words and category, and put them into the order. */
export function ProductFinder({ draft, onChange, usual = [] }: ProductFinderProps) {
  const { catalogue } = useWorkplace();
  const [query, setQuery] = useState('');
  const [category, setCategory] = useState<string>();
  const [shown, setShown] = useState(pageSize);
  const index = useMemo(
    () =>
      catalogue.products.map((item) => ({
        item,
        text: searchable(`${item.name} ${item.subCategory} ${item.id}`),
      })),
    [catalogue],
  );
  const asked = useDeferredValue(query);
  const found = useMemo(
    () => search(index, asked).filter((product) => category === undefined || product.category === category),
    [index, asked, category],
  );
  const restart = (): void => setShown(pageSize);
  const browsing = asked.trim() === '' && category === undefined;
  return (
    <div className={classes['root']}>
      <SearchField
        label="Search products"
        value={query}
        onChange={(value) => {
          setQuery(value);
          restart();
        }}
      />
      <Categories
        chosen={category}
        onChoose={(name) => {
          setCategory(name);
          restart();
        }}
      />
      {browsing && usual.length > 0 && (
        <ProductList title="Bought before" products={usual} draft={draft} onChange={onChange} />
      )}
      {found.length === 0 ? (
        <EmptyState icon="search" title="No product found" role="status">
          <p>Try fewer words, or another category.</p>
        </EmptyState>
      ) : (
        <ProductList
          title={
            browsing
              ? `All ${found.length.toLocaleString('en-US')} products`
              : `${found.length.toLocaleString('en-US')} found`
          }
          products={found.slice(0, shown)}
          draft={draft}
          onChange={onChange}
        />
      )}
      {found.length > shown && (
        <Button variant="default" onClick={() => setShown(shown + pageSize)}>
          Show more
        </Button>
      )}
    </div>
  );
}

function Categories(props: {
  readonly chosen: string | undefined;
  readonly onChoose: (name: string | undefined) => void;
}) {
  const { catalogue } = useWorkplace();
  return (
    <div className={classes['categories']} role="group" aria-label="Category">
      {[undefined, ...catalogue.categories.map(({ name }) => name)].map((name) => (
        <button
          key={name ?? 'all'}
          type="button"
          className={classes['category']}
          aria-pressed={name === props.chosen}
          onClick={() => props.onChoose(name)}
        >
          {name ?? 'All'}
        </button>
      ))}
    </div>
  );
}

function ProductList(props: {
  readonly title: string;
  readonly products: readonly Product[];
  readonly draft: DraftRow;
  readonly onChange: (change: (draft: DraftRow) => DraftRow) => void;
}) {
  const quantities = new Map(props.draft.lines.map(({ productId, quantity }) => [productId, quantity]));
  return (
    <section className={classes['section']}>
      <h3>{props.title}</h3>
      <ul>
        {props.products.map((product) => (
          <ProductRow
            key={product.id}
            product={product}
            quantity={quantities.get(product.id)}
            onAdd={() => props.onChange((draft) => addProduct(draft, product.id))}
            onQuantity={(value) => props.onChange((draft) => setQuantity(draft, product.id, value))}
          />
        ))}
      </ul>
    </section>
  );
}

function ProductRow(props: {
  readonly product: Product;
  readonly quantity: number | undefined;
  readonly onAdd: () => void;
  readonly onQuantity: (value: number) => void;
}) {
  const { product, quantity } = props;
  const spokenName = product.hasNamesake ? `${product.name}, ${product.id}` : product.name;
  return (
    <li>
      <span className={classes['name']}>{product.name}</span>
      <span className="soft small number">
        <strong className={classes['price']}>{formatAmount(product.price)}</strong> ·{' '}
        {product.hasNamesake ? product.id : product.subCategory}
      </span>
      <span className={classes['action']}>
        {quantity === undefined ? (
          <ActionIcon variant="light" size={42} aria-label={`Add ${spokenName}`} onClick={props.onAdd}>
            <Icon name="plus" size={20} />
          </ActionIcon>
        ) : (
          <QuantityStepper name={spokenName} value={quantity} onChange={props.onQuantity} />
        )}
      </span>
    </li>
  );
}
