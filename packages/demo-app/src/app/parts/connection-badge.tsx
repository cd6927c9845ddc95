import { Icon, type IconName } from '../../ui/icons.tsx';
import { useStatus } from '../session-context.tsx';
import classes from './connection-badge.module.css';

/** Whether the gateway is reached, and how many orders wait for it. */
export function ConnectionBadge() {
  const { online, pending, state } = useStatus();
  const { icon, tone, text } = describe(online, pending, state === 'stopped');
  return (
    <output className={classes['root']} data-tone={tone} aria-live="polite">
      <Icon name={icon} size={18} />
      <span>{text}</span>
    </output>
  );
}

function describe(
  online: boolean,
  pending: number,
  stopped: boolean,
): { readonly icon: IconName; readonly tone: string; readonly text: string } {
  const waiting = `${pending} waiting`;
  if (stopped) return { icon: 'refused', tone: 'bad', text: pending === 0 ? 'Not sending' : waiting };
  if (!online)
    return { icon: 'offline', tone: 'wait', text: pending === 0 ? 'Offline' : `Offline · ${waiting}` };
  if (pending > 0) return { icon: 'sending', tone: 'wait', text: `Sending ${pending}` };
  return { icon: 'online', tone: 'good', text: 'Online' };
}
