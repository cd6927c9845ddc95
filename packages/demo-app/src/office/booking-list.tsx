import { formatAmount } from '../order/money.ts';
import { EmptyState } from '../ui/empty-state.tsx';
import type { BookingView } from './office-snapshot.ts';
import classes from './booking-list.module.css';

const time = new Intl.DateTimeFormat('en-US', { hour: 'numeric', minute: '2-digit', second: '2-digit' });

/** The latest bookings. On a phone each is a card of two lines. */
export function BookingList({ bookings }: { readonly bookings: readonly BookingView[] }) {
  return (
    <section className={classes['root']} aria-labelledby="bookings-title">
      <h2 id="bookings-title">Latest bookings</h2>
      {bookings.length === 0 ? (
        <EmptyState icon="office" title="Nothing is booked yet">
          <p>
            Take an order in <a href="/">Satchel</a>, and it is listed here.
          </p>
        </EmptyState>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">Customer</th>
              <th scope="col">Rep</th>
              <th scope="col" className={classes['right']}>
                Lines
              </th>
              <th scope="col" className={classes['right']}>
                Total
              </th>
              <th scope="col" className={classes['right']}>
                Booked
              </th>
            </tr>
          </thead>
          <tbody>
            {bookings.map((booking) => (
              <Row key={booking.orderId} booking={booking} />
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function Row({ booking }: { readonly booking: BookingView }) {
  return (
    <tr data-order={booking.orderId}>
      <th scope="row">
        <span className={classes['customer']}>{booking.customer}</span>
        <span className="soft small number">{booking.number}</span>
      </th>
      <td className={classes['rep']}>
        {booking.rep}
        <span className="soft small">{waitWords(booking)}</span>
      </td>
      <td className={`${classes['right']} ${classes['lines']} number`}>{booking.lines}</td>
      <td className={`${classes['right']} ${classes['total']} number`}>{formatAmount(booking.total)}</td>
      <td className={`${classes['right']} ${classes['time']} number`}>
        <time dateTime={booking.bookedAt}>{time.format(new Date(booking.bookedAt))}</time>
      </td>
    </tr>
  );
}

/** How long the order was on its way, where that was long enough to be of interest. The two clocks may differ. */
function waitWords({ takenAt, arrivedAt }: BookingView): string {
  const minutes = Math.round((Date.parse(arrivedAt) - Date.parse(takenAt)) / 60_000);
  if (minutes < 1) return 'came at once';
  if (minutes < 60) return `was ${minutes} min offline`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `was ${hours} h offline` : `was ${Math.round(hours / 24)} days offline`;
}
