import { formatAmount } from '../order/money.ts';
import { BookingSwitch } from './booking-switch.tsx';
import type { OfficeSnapshot, QueueView } from './office-snapshot.ts';
import classes from './queue-card.module.css';

interface QueueCardProps {
  readonly queue: QueueView | undefined;
  readonly booking: OfficeSnapshot['booking'];
}

/** What stands in the queue, the next to be booked on top. */
export function QueueCard({ queue, booking }: QueueCardProps) {
  return (
    <section className={classes['root']} aria-labelledby="queue-title">
      <h2 id="queue-title">Waiting in the queue</h2>
      <Content queue={queue} booking={booking} />
      <BookingSwitch booking={booking} />
    </section>
  );
}

function Content({ queue, booking }: QueueCardProps) {
  if (queue === undefined)
    return (
      <p className="soft">
        The gateway cannot be reached. Orders stay safe on the reps' devices until it is back.
      </p>
    );
  const count = queue.ready + queue.leased + queue.delayed;
  if (count === 0)
    return (
      <p className="soft">
        {booking === 'on'
          ? 'Empty: every order that arrived is booked. Pause booking to see orders line up.'
          : 'Booking is paused: new orders line up here, and nothing is lost.'}
      </p>
    );
  return (
    <>
      <ol className={classes['list']}>
        {queue.next.map((order) => (
          <li key={order.messageId}>
            <span className={classes['customer']}>
              {order.customer === '' ? order.number : order.customer}
            </span>
            <span className="number">{formatAmount(order.total)}</span>
            <span className="soft small number">
              {order.number} · {order.rep}
            </span>
          </li>
        ))}
      </ol>
      {count > queue.next.length && <p className="soft small">and {count - queue.next.length} more</p>}
    </>
  );
}
