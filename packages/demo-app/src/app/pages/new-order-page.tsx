import { Button, SegmentedControl } from '@mantine/core';
import { useState } from 'react';
import { useLocation } from 'wouter';
import { formatAmount } from '../../order/money.ts';
import { chooseCustomer, emptyDraft, priceDraft } from '../draft.ts';
import { CustomerFinder } from '../parts/customer-finder.tsx';
import { OrderPane } from '../parts/order-pane.tsx';
import { ProductFinder } from '../parts/product-finder.tsx';
import { useWorkplace } from '../session-context.tsx';
import { useDraft } from '../use-draft.ts';
import classes from './new-order-page.module.css';

/** Take an order: whose it is, what is in it, save. On a phone, products and order are two views of one page. */
export function NewOrderPage() {
  const { catalogue, session } = useWorkplace();
  const [draft, change] = useDraft();
  const [view, setView] = useState<'products' | 'order'>('products');
  const [choosing, setChoosing] = useState(false);
  const [, navigate] = useLocation();
  if (draft === undefined) return null;
  const priced = priceDraft(draft, catalogue);
  if (priced.customer === undefined || choosing) {
    const choose = (id: string): void => {
      change((current) => chooseCustomer(current, id));
      setChoosing(false);
    };
    const back = choosing ? () => setChoosing(false) : undefined;
    return <WhoFor chosenId={draft.customerId} onChoose={choose} onBack={back} />;
  }
  const count = priced.lines.length;
  return (
    <div className={classes['root']} data-view={view}>
      <div className={classes['views']}>
        <SegmentedControl
          fullWidth
          aria-label="What to see"
          value={view}
          onChange={(value) => setView(value === 'order' ? 'order' : 'products')}
          data={[
            { value: 'products', label: 'Products' },
            {
              value: 'order',
              label: count === 0 ? 'Order' : `Order · ${count} ${count === 1 ? 'line' : 'lines'}`,
            },
          ]}
        />
      </div>
      <section className={classes['products']} aria-labelledby="new-title">
        <h1 id="new-title" className={classes['title']}>
          New order
        </h1>
        <ProductFinder draft={draft} onChange={change} usual={priced.customer.usual} />
        <div className={classes['bar']}>
          <span>
            <span className="soft small">{priced.customer.name}</span>
            <strong className="number">{formatAmount(priced.total)}</strong>
          </span>
          <Button disabled={count === 0} onClick={() => setView('order')}>
            Review the order
          </Button>
        </div>
      </section>
      <section className={classes['order']} aria-label="The order being taken">
        <OrderPane
          draft={draft}
          priced={priced}
          onChange={change}
          onChooseCustomer={() => setChoosing(true)}
          onStartOver={() => change(() => emptyDraft(session.rep.id))}
          onSaved={(id) => navigate(`/orders/${id}`, { replace: true })}
        />
      </section>
    </div>
  );
}

function WhoFor(props: {
  readonly chosenId: string | undefined;
  readonly onChoose: (customerId: string) => void;
  readonly onBack: (() => void) | undefined;
}) {
  return (
    <section className={classes['who']} aria-labelledby="who-title">
      <div className={classes['heading']}>
        <h1 id="who-title">Who is the order for?</h1>
        {props.onBack !== undefined && (
          <Button variant="subtle" onClick={props.onBack}>
            Back
          </Button>
        )}
      </div>
      <CustomerFinder chosenId={props.chosenId} onChoose={({ id }) => props.onChoose(id)} />
    </section>
  );
}
