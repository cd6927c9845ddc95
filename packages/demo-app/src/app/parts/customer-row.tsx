import type { Customer } from '../../catalogue/catalogue.ts';
import { Icon } from '../../ui/icons.tsx';
import classes from './customer-finder.module.css';

export function CustomerRow(props: {
  readonly customer: Customer;
  readonly chosen: boolean;
  readonly onChoose: () => void;
}) {
  const { customer } = props;
  return (
    <button
      type="button"
      className={classes['customer']}
      aria-current={props.chosen ? 'true' : undefined}
      onClick={props.onChoose}
    >
      <span className={classes['names']}>
        <strong>{customer.name}</strong>
        <span className="soft small">
          {customer.city}, {customer.state}
        </span>
      </span>
      <span className="soft small number">
        {customer.orders} {customer.orders === 1 ? 'order' : 'orders'}
      </span>
      <Icon name="forward" size={18} />
    </button>
  );
}
