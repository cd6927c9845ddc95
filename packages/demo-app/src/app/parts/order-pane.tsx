import { FieldpostError } from '@fieldpost/sdk';
import { Button, NativeSelect, TextInput } from '@mantine/core';
import { useState } from 'react';
import { formatAmount } from '../../order/money.ts';
import { Icon } from '../../ui/icons.tsx';
import { QuantityStepper } from '../../ui/quantity-stepper.tsx';
import type { DraftRow } from '../database.ts';
import { orderOf, type PricedDraft, type PricedLine, setDiscount, setNote, setQuantity } from '../draft.ts';
import { newId } from '../new-id.ts';
import { useWorkplace } from '../session-context.tsx';
import { saveFailureWords } from '../words.ts';
import classes from './order-pane.module.css';

const discounts = [0, 5, 10, 15, 20, 30, 40, 50, 60, 70, 80];

interface OrderPaneProps {
  readonly draft: DraftRow;
  readonly priced: PricedDraft;
  readonly onChange: (change: (draft: DraftRow) => DraftRow) => void;
  readonly onChooseCustomer: () => void;
  readonly onStartOver: () => void;
  readonly onSaved: (id: string) => void;
}

/** The order as it will be sent: its lines with quantity and discount, the total as it grows, and the way to save it. */
export function OrderPane(props: OrderPaneProps) {
  const { draft, priced, onChange } = props;
  const { saving, failure, save } = useSave(props);
  return (
    <div className={classes['root']}>
      <button type="button" className={classes['customer']} onClick={props.onChooseCustomer}>
        <span>
          <strong>{priced.customer?.name}</strong>
          <span className="soft small">
            {priced.customer?.city}, {priced.customer?.state}
          </span>
        </span>
        <span className={classes['change']}>Change</span>
      </button>
      <div className={classes['middle']}>
        {priced.lines.length === 0 ? (
          <p className={classes['none']}>Add products, and they are listed here.</p>
        ) : (
          <ul>
            {priced.lines.map((line) => (
              <Line key={line.productId} line={line} onChange={onChange} />
            ))}
          </ul>
        )}
        <TextInput
          placeholder="Note for the office"
          aria-label="Note for the office"
          leftSection={<Icon name="note" size={18} />}
          value={draft.note}
          onChange={(event) => {
            const note = event.currentTarget.value;
            onChange((current) => setNote(current, note));
          }}
        />
        {priced.lines.length > 0 && (
          <Button
            variant="subtle"
            size="sm"
            className={classes['again'] ?? ''}
            leftSection={<Icon name="trash" size={17} />}
            onClick={props.onStartOver}
          >
            Start over
          </Button>
        )}
      </div>
      <div className={classes['foot']}>
        <Sums priced={priced} />
        {failure !== undefined && (
          <p className={classes['failure']} role="alert">
            {failure}
          </p>
        )}
        <Button size="lg" fullWidth disabled={priced.lines.length === 0} loading={saving} onClick={save}>
          Save order
        </Button>
        <p className={classes['where']}>
          Kept on this device, and sent as soon as the office can be reached.
        </p>
      </div>
    </div>
  );
}

function Sums({ priced }: { readonly priced: PricedDraft }) {
  const before = priced.lines.reduce((sum, line) => sum + line.unitPrice * line.quantity, 0);
  return (
    <dl className={classes['sums']} aria-live="polite">
      {before !== priced.total && (
        <>
          <Sum name="Before discount" value={formatAmount(before)} />
          <Sum name="Discount" value={formatAmount(priced.total - before)} />
        </>
      )}
      <Sum name="Total" value={formatAmount(priced.total)} strong />
    </dl>
  );
}

/** Saves once, however often the button is pressed. */
function useSave({ draft, priced, onSaved }: OrderPaneProps) {
  const { rep, book } = useWorkplace().session;
  const [saving, setSaving] = useState(false);
  const [failure, setFailure] = useState<string>();
  const save = (): void => {
    const takenAt = new Date();
    const id = newId(takenAt.getTime(), crypto.getRandomValues(new Uint8Array(10)));
    const order = orderOf(priced, { id, takenAt, rep, note: draft.note });
    if (order === undefined || saving) return;
    setSaving(true);
    setFailure(undefined);
    book.save(order, draft).then(
      () => onSaved(id),
      (error: unknown) => {
        reportError(error);
        setSaving(false);
        setFailure(saveFailureWords(error instanceof FieldpostError ? error.code : undefined));
      },
    );
  };
  return { saving, failure, save };
}

function Line({
  line,
  onChange,
}: {
  readonly line: PricedLine;
  readonly onChange: OrderPaneProps['onChange'];
}) {
  return (
    <li className={classes['line']}>
      <span className={classes['name']}>{line.name}</span>
      <span className={`${classes['amount']} number`}>{formatAmount(line.total)}</span>
      <div className={classes['controls']}>
        <QuantityStepper
          name={line.name}
          value={line.quantity}
          onChange={(value) => onChange((draft) => setQuantity(draft, line.productId, value))}
        />
        <NativeSelect
          aria-label={`Discount on ${line.name}`}
          className={classes['discount'] ?? ''}
          value={String(line.discountPercent)}
          onChange={(event) => {
            const percent = Number(event.currentTarget.value);
            onChange((draft) => setDiscount(draft, line.productId, percent));
          }}
          data={discounts.map((percent) => ({
            value: String(percent),
            label: percent === 0 ? 'No discount' : `−${percent} %`,
          }))}
        />
      </div>
    </li>
  );
}

function Sum(props: { readonly name: string; readonly value: string; readonly strong?: boolean }) {
  return (
    <div data-strong={props.strong}>
      <dt>{props.name}</dt>
      <dd className="number">{props.value}</dd>
    </div>
  );
}
