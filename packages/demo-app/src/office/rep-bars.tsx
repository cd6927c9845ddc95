import { formatAmount } from '../order/money.ts';
import type { RepView } from './office-snapshot.ts';
import classes from './rep-bars.module.css';

/** Booked sales of each rep, the most first. The bar repeats the figure beside it. */
export function RepBars({ reps }: { readonly reps: readonly RepView[] }) {
  const most = Math.max(...reps.map(({ total }) => total), 1);
  return (
    <section className={classes['root']} aria-labelledby="reps-title">
      <h2 id="reps-title">Booked by rep</h2>
      <ul>
        {reps.map(({ rep, orders, total }) => (
          <li key={rep}>
            <span>{rep}</span>
            <span className="number">{formatAmount(total)}</span>
            <svg className={classes['bar']} viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
              <rect width="100" height="6" className={classes['track']} />
              <rect width={(total / most) * 100} height="6" className={classes['fill']} />
            </svg>
            <span className="soft small number">
              {orders} {orders === 1 ? 'order' : 'orders'}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
