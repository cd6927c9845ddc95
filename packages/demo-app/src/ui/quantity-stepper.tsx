import { ActionIcon } from '@mantine/core';
import { useState } from 'react';
import { ORDER_LIMITS } from '../order/order.ts';
import { Icon } from './icons.tsx';
import classes from './quantity-stepper.module.css';

interface QuantityStepperProps {
  /** Of what, for screen readers. */
  readonly name: string;
  readonly value: number;
  /** Called with a whole number; 0 means none of it. */
  readonly onChange: (value: number) => void;
}

/** Less, a field to type in, more. The field keeps what is being typed until it is a number. */
export function QuantityStepper({ name, value, onChange }: QuantityStepperProps) {
  const [typed, setTyped] = useState<string>();
  const finish = (): void => {
    if (typed !== undefined && /^\d{1,4}$/.test(typed)) onChange(Number(typed));
    setTyped(undefined);
  };
  return (
    <div className={classes['root']} role="group" aria-label={`Quantity of ${name}`}>
      <ActionIcon
        variant="subtle"
        size={40}
        aria-label={value === 1 ? `Remove ${name}` : `One less of ${name}`}
        onClick={() => onChange(value - 1)}
      >
        <Icon name={value === 1 ? 'trash' : 'minus'} size={19} />
      </ActionIcon>
      <input
        className={`${classes['field']} number`}
        aria-label={`Quantity of ${name}`}
        inputMode="numeric"
        autoComplete="off"
        value={typed ?? String(value)}
        onFocus={(event) => event.currentTarget.select()}
        onChange={(event) => setTyped(event.currentTarget.value.replaceAll(/\D/g, '').slice(0, 4))}
        onBlur={finish}
        onKeyDown={(event) => {
          if (event.key === 'Enter') finish();
          if (event.key === 'Escape') setTyped(undefined);
        }}
      />
      <ActionIcon
        variant="subtle"
        size={40}
        aria-label={`One more of ${name}`}
        disabled={value >= ORDER_LIMITS.quantity}
        onClick={() => onChange(value + 1)}
      >
        <Icon name="plus" size={19} />
      </ActionIcon>
    </div>
  );
}
