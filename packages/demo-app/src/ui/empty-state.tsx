import type { ReactNode } from 'react';
import { Icon, type IconName } from './icons.tsx';
import classes from './empty-state.module.css';

interface EmptyStateProps {
  readonly icon: IconName;
  readonly title: string;
  readonly role?: 'alert' | 'status';
  readonly children?: ReactNode;
}

/** Says why there is nothing to see, and what to do next. */
export function EmptyState({ icon, title, role, children }: EmptyStateProps) {
  return (
    <div className={classes['root']} role={role}>
      <span className={classes['icon']}>
        <Icon name={icon} size={30} />
      </span>
      <h2>{title}</h2>
      {children}
    </div>
  );
}
