import { Button } from '@mantine/core';
import { Link, useLocation } from 'wouter';
import type { Customer } from '../../catalogue/catalogue.ts';
import { formatAmount } from '../../order/money.ts';
import { EmptyState } from '../../ui/empty-state.tsx';
import { Icon } from '../../ui/icons.tsx';
import { chooseCustomer } from '../draft.ts';
import { CustomerFinder } from '../parts/customer-finder.tsx';
import { OrderStateChip } from '../parts/order-state-chip.tsx';
import { useWorkplace } from '../session-context.tsx';
import { useDraft } from '../use-draft.ts';
import { useOrders } from '../use-orders.ts';
import { calendarDate, shortWhen } from '../when.ts';
import classes from './customers-page.module.css';

/** Customers, and beside the list (on a phone: instead of it) the one that was chosen. */
export function CustomersPage({ customerId }: { readonly customerId: string | undefined }) {
  const { catalogue } = useWorkplace();
  const [, navigate] = useLocation();
  const customer = catalogue.customers.find(({ id }) => id === customerId);
  return (
    <div className={classes['root']} data-chosen={customerId !== undefined}>
      <section className={classes['list']} aria-labelledby="customers-title">
        <h1 id="customers-title">Customers</h1>
        <CustomerFinder chosenId={customerId} onChoose={({ id }) => navigate(`/customers/${id}`)} />
      </section>
      <section className={classes['detail']} aria-label="The customer">
        {customer === undefined ? (
          <EmptyState
            icon="customers"
            title={customerId === undefined ? 'Choose a customer' : 'No such customer'}
          >
            <p>Here you see what they bought, and take their next order.</p>
          </EmptyState>
        ) : (
          <CustomerDetail key={customer.id} customer={customer} />
        )}
      </section>
    </div>
  );
}

function CustomerDetail({ customer }: { readonly customer: Customer }) {
  const [, navigate] = useLocation();
  const [, change] = useDraft();
  const takeOrder = (): void => {
    change((draft) => chooseCustomer(draft, customer.id));
    navigate('/new');
  };
  return (
    <article className={classes['card']}>
      <div className={classes['heading']}>
        <Link href="/customers" className={classes['back']} aria-label="Back to the customers">
          <Icon name="back" />
        </Link>
        <div>
          <h2>{customer.name}</h2>
          <p className="soft small">
            {customer.city}, {customer.state} · {customer.segment} · {customer.id}
          </p>
        </div>
      </div>
      <dl className={classes['facts']}>
        <Fact name="Orders" value={String(customer.orders)} />
        <Fact name="Sales" value={formatAmount(customer.sales)} />
        <Fact name="Last order" value={calendarDate(customer.lastOrderDate)} />
      </dl>
      <Button fullWidth leftSection={<Icon name="plus" size={19} />} onClick={takeOrder}>
        Take an order
      </Button>
      <OrdersHere customerId={customer.id} />
      <div className={classes['bought']}>
        <h3>Bought before</h3>
        <ul>
          {customer.usual.map((product) => (
            <li key={product.id}>
              <span>{product.name}</span>
              <span className="number">{formatAmount(product.price)}</span>
            </li>
          ))}
        </ul>
      </div>
    </article>
  );
}

function Fact({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd className="number">{value}</dd>
    </div>
  );
}

function OrdersHere({ customerId }: { readonly customerId: string }) {
  const own = (useOrders() ?? []).filter(({ order }) => order.customer.id === customerId);
  if (own.length === 0) return null;
  return (
    <div className={classes['bought']}>
      <h3>On this device</h3>
      <ul>
        {own.map((row) => (
          <li key={row.id}>
            <Link href={`/orders/${row.id}`} className="number">
              {row.order.number}, {shortWhen(row.takenAt, new Date())}
            </Link>
            <OrderStateChip state={row.state} />
          </li>
        ))}
      </ul>
    </div>
  );
}
