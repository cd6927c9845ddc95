import { Button, Modal } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'wouter';
import { formatAmount } from '../../order/money.ts';
import type { OrderLine } from '../../order/order.ts';
import { Icon } from '../../ui/icons.tsx';
import type { OrderRow } from '../database.ts';
import { useWorkplace } from '../session-context.tsx';
import { dayName, exactTime } from '../when.ts';
import { refusalWords, saveFailureWords } from '../words.ts';
import { OrderStateChip } from './order-state-chip.tsx';
import classes from './order-detail.module.css';

/** One order with its lines and what became of it. */
export function OrderDetail({ row }: { readonly row: OrderRow }) {
  const { order } = row;
  return (
    <article className={classes['root']} aria-labelledby="order-title">
      <div className={classes['heading']}>
        <Link href="/" className={classes['back']} aria-label="Back to the orders">
          <Icon name="back" />
        </Link>
        <div>
          <h2 id="order-title">{order.customer.name}</h2>
          <p className={`${classes['place']} soft small`}>
            <span>
              {order.customer.city}, {order.customer.state}
            </span>
            <span className="number">{order.number}</span>
          </p>
        </div>
        <OrderStateChip state={row.state} />
      </div>
      {(row.state === 'refused' || row.state === 'unclear') && <Refusal row={row} />}
      <Lines lines={order.lines} />
      <div className={classes['sum']}>
        <span>Total</span>
        <span className="number">{formatAmount(order.total)}</span>
      </div>
      {order.note !== '' && (
        <p className={classes['note']}>
          <Icon name="note" size={18} />
          {order.note}
        </p>
      )}
      <Story row={row} />
    </article>
  );
}

function Lines({ lines }: { readonly lines: readonly OrderLine[] }) {
  return (
    <ul className={classes['lines']}>
      {lines.map((line) => (
        <li key={line.productId}>
          <span className={classes['product']}>{line.name}</span>
          <span className={`${classes['amount']} number`}>{formatAmount(line.total)}</span>
          <span className="soft small number">
            {line.quantity} × {formatAmount(line.unitPrice)}
            {line.discountPercent > 0 && (
              <span className={classes['discount']}>−{line.discountPercent} %</span>
            )}
          </span>
        </li>
      ))}
    </ul>
  );
}

/** What happened to the order, in the order in which it happened. */
function Story({ row }: { readonly row: OrderRow }) {
  const taken = `${dayName(row.takenAt, new Date())}, ${exactTime(row.takenAt)}`;
  const step = (done: boolean, name: string, when: string, isBad = false) => (
    <li data-done={done} data-bad={isBad}>
      <span className={classes['dot']}>{done && <Icon name={isBad ? 'close' : 'check'} size={14} />}</span>
      <span>{name}</span>
      <span className="soft small number">{when}</span>
    </li>
  );
  const settled = row.settledAt === undefined ? '' : exactTime(row.settledAt);
  return (
    <ol className={classes['story']} aria-label="What became of it">
      {step(true, 'Taken', taken)}
      {step(
        row.state !== 'saving',
        'Saved on this device',
        row.savedAt === undefined ? '' : exactTime(row.savedAt),
      )}
      {(row.state === 'saving' || row.state === 'saved' || row.state === 'delivered') &&
        step(
          row.state === 'delivered',
          row.state === 'delivered' ? 'Delivered to the office' : 'Waits for the office',
          settled,
        )}
      {row.state === 'refused' && step(true, 'Refused by the office', settled, true)}
      {row.state === 'discarded' && step(true, 'Discarded', settled, true)}
    </ol>
  );
}

function Refusal({ row }: { readonly row: OrderRow }) {
  const { book } = useWorkplace().session;
  const [failure, setFailure] = useState<string>();
  const [asking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const run = (action: () => Promise<void>): void => {
    setBusy(true);
    setFailure(undefined);
    action()
      .catch((error: unknown) => {
        reportError(error);
        setFailure(saveFailureWords(undefined));
      })
      .finally(() => setBusy(false));
  };
  return (
    <div className={classes['refusal']}>
      <p>{refusalWords(row.code)}</p>
      {failure !== undefined && <p role="alert">{failure}</p>}
      <div className={classes['actions']}>
        <Button
          loading={busy}
          leftSection={<Icon name="retry" size={18} />}
          onClick={() => run(() => book.retry(row))}
        >
          Send again
        </Button>
        <Button variant="default" onClick={() => setAsking(true)}>
          Discard
        </Button>
      </div>
      <Modal
        opened={asking}
        onClose={() => setAsking(false)}
        classNames={{ body: classes['dialog'] ?? '' }}
        title="Discard this order?"
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        <p>It will not be sent again. It stays in your list, marked as discarded.</p>
        <div className={classes['actions']}>
          <Button
            onClick={() => {
              setAsking(false);
              run(() => book.discard(row));
            }}
          >
            Discard the order
          </Button>
          <Button variant="default" onClick={() => setAsking(false)}>
            Keep it
          </Button>
        </div>
      </Modal>
    </div>
  );
}
