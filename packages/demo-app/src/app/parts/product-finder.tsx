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
      <div className={classes['categories']} role="group" aria-label="Category">
        {[undefined, ...catalogue.categories.map(({ name }) => name)].map((name) => (
          <button
            key={name ?? 'all'}
            type="button"
            className={classes['category']}
            aria-pressed={name === category}
            onClick={() => {
              setCategory(name);
              restart();
            }}
          >
            {name ?? 'All'}
          </button>
        ))}
      </div>
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
        {props.products.map((product) => {
          const quantity = quantities.get(product.id);
          return (
            <li key={product.id} data-chosen={quantity !== undefined}>
              <span className={classes['name']}>{product.name}</span>
              <span className="soft small number">
                <strong className={classes['price']}>{formatAmount(product.price)}</strong> ·{' '}
                {product.subCategory}
              </span>
              <span className={classes['action']}>
                {quantity === undefined ? (
                  <ActionIcon
                    variant="light"
                    size={42}
                    aria-label={`Add ${product.name}`}
                    onClick={() => props.onChange((draft) => addProduct(draft, product.id))}
                  >
                    <Icon name="plus" size={20} />
                  </ActionIcon>
                ) : (
                  <QuantityStepper
                    name={product.name}
                    value={quantity}
                    onChange={(value) => props.onChange((draft) => setQuantity(draft, product.id, value))}
                  />
                )}
              </span>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
