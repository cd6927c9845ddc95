import type { ReactNode } from 'react';
import { Icon, type IconName } from './icons.tsx';
import classes from './chip.module.css';

export type Tone = 'good' | 'wait' | 'bad' | 'quiet';

/** A short state in words, with its colour and picture. */
export function Chip({
  tone,
  icon,
  children,
}: {
  readonly tone: Tone;
  readonly icon: IconName;
  readonly children: ReactNode;
}) {
  return (
    <span className={classes['root']} data-tone={tone}>
      <Icon name={icon} size={15} />
      {children}
    </span>
  );
}
