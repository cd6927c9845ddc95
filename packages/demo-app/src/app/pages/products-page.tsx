import { Button } from '@mantine/core';
import { Link } from 'wouter';
import { Icon } from '../../ui/icons.tsx';
import { ProductFinder } from '../parts/product-finder.tsx';
import { useDraft } from '../use-draft.ts';
import classes from './products-page.module.css';

/** What there is to sell. What is added here goes into the order being taken. */
export function ProductsPage() {
  const [draft, change] = useDraft();
  if (draft === undefined) return null;
  const count = draft.lines.length;
  return (
    <section className={classes['root']} aria-labelledby="products-title">
      <div className={classes['heading']}>
        <h1 id="products-title">Products</h1>
        <Button
          component={Link}
          href="/new"
          variant={count === 0 ? 'default' : 'filled'}
          leftSection={<Icon name="orders" size={19} />}
        >
          {count === 0 ? 'New order' : `Order, ${count} ${count === 1 ? 'line' : 'lines'}`}
        </Button>
      </div>
      <ProductFinder draft={draft} onChange={change} />
    </section>
  );
}
