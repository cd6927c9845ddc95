import { Button, SegmentedControl } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'wouter';
import { formatAmount } from '../../order/money.ts';
import { EmptyState } from '../../ui/empty-state.tsx';
import { Icon } from '../../ui/icons.tsx';
import type { OrderRow, OrderState } from '../database.ts';
import { OrderDetail } from '../parts/order-detail.tsx';
import { OrderStateChip } from '../parts/order-state-chip.tsx';
import { useWorkplace } from '../session-context.tsx';
import { useOrders } from '../use-orders.ts';
import { dayName, shortWhen } from '../when.ts';
import classes from './orders-page.module.css';

const filters = {
  all: { name: 'All', states: undefined, none: '' },
  waiting: { name: 'Waiting', states: ['saving', 'saved'], none: 'No order waits on this device.' },
  attention: { name: 'Refused', states: ['refused', 'unclear'], none: 'No order was refused.' },
} satisfies Record<string, { name: string; states: readonly OrderState[] | undefined; none: string }>;

type FilterName = keyof typeof filters;

/** The rep's orders: the list, and beside it (on a phone: instead of it) the one that was chosen. */
export function OrdersPage({ orderId }: { readonly orderId: string | undefined }) {
  const orders = useOrders();
  const [filter, setFilter] = useState<FilterName>('all');
  if (orders === undefined) return null;
  const chosen = orders.find(({ id }) => id === orderId);
  const shown = chosen ?? (orderId === undefined ? orders[0] : undefined);
  if (orders.length === 0 && orderId === undefined) return <NoOrders />;
  return (
    <div className={classes['root']} data-chosen={orderId !== undefined}>
      <section className={classes['list']} aria-labelledby="orders-title">
        <OrdersHeading orders={orders} />
        <SegmentedControl
          fullWidth
          aria-label="Which orders"
          value={filter}
          onChange={(value) => setFilter(isFilter(value) ? value : 'all')}
          data={Object.entries(filters).map(([value, { name, states }]) => ({
            value,
            label: `${name}${countText(orders, states)}`,
          }))}
        />
        <OrderList
          orders={pick(orders, filters[filter].states)}
          none={filters[filter].none}
          shownId={shown?.id}
        />
      </section>
      <section className={classes['detail']} aria-label="The order">
        {shown === undefined ? (
          <EmptyState icon="search" title="This order is not on this device">
            <p>It may have been taken by someone else, or on another device.</p>
          </EmptyState>
        ) : (
          <OrderDetail key={shown.id} row={shown} />
        )}
      </section>
    </div>
  );
}

function OrdersHeading({ orders }: { readonly orders: readonly OrderRow[] }) {
  const today = orders.filter(
    ({ takenAt, state }) => dayName(takenAt, new Date()) === 'Today' && state !== 'discarded',
  );
  const sum = today.reduce((total, { order }) => total + order.total, 0);
  return (
    <div className={classes['heading']}>
      <div>
        <h1 id="orders-title">Orders</h1>
        <p className="soft small number">
          Today: {today.length} {today.length === 1 ? 'order' : 'orders'}, {formatAmount(sum)}
        </p>
      </div>
      <Button component={Link} href="/new" leftSection={<Icon name="plus" size={19} />}>
        New order
      </Button>
    </div>
  );
}

function OrderList(props: {
  readonly orders: readonly OrderRow[];
  readonly none: string;
  readonly shownId: string | undefined;
}) {
  const now = new Date();
  if (props.orders.length === 0) return <p className={classes['none']}>{props.none}</p>;
  return [...Map.groupBy(props.orders, ({ takenAt }) => dayName(takenAt, now))].map(([name, rows]) => (
    <div key={name} className={classes['day']}>
      <h3>{name}</h3>
      <ul>
        {rows.map((row) => (
          <li key={row.id}>
            <Link
              href={`/orders/${row.id}`}
              className={classes['order']}
              data-shown={row.id === props.shownId}
              data-order={row.id}
            >
              <span className={classes['customer']}>{row.order.customer.name}</span>
              <span className={`${classes['total']} number`}>{formatAmount(row.order.total)}</span>
              <span className={`${classes['about']} number`}>
                {shortWhen(row.takenAt, now)} · {row.order.lines.length}{' '}
                {row.order.lines.length === 1 ? 'line' : 'lines'}
              </span>
              <OrderStateChip state={row.state} />
            </Link>
          </li>
        ))}
      </ul>
    </div>
  ));
}

function NoOrders() {
  const { rep } = useWorkplace().session;
  return (
    <EmptyState icon="orders" title={`Good to see you, ${rep.name.split(' ')[0] ?? rep.name}`}>
      <p>The orders you take are listed here, also without a network. They are sent by themselves.</p>
      <Button component={Link} href="/new" leftSection={<Icon name="plus" size={19} />}>
        Take the first order
      </Button>
    </EmptyState>
  );
}

function pick(orders: readonly OrderRow[], states: readonly OrderState[] | undefined): readonly OrderRow[] {
  return states === undefined ? orders : orders.filter(({ state }) => states.includes(state));
}

function countText(orders: readonly OrderRow[], states: readonly OrderState[] | undefined): string {
  const count = pick(orders, states).length;
  return count === 0 || states === undefined ? '' : ` ${count}`;
}

function isFilter(text: string): text is FilterName {
  return Object.hasOwn(filters, text);
}
