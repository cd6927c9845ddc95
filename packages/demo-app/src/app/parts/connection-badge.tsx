import type { StatusSnapshot } from '@fieldpost/sdk';
import { useEffect, useState } from 'react';
import { Icon, type IconName } from '../../ui/icons.tsx';
import { useStatus } from '../session-context.tsx';
import classes from './connection-badge.module.css';

/** How long after the start "offline" is not said yet: the first attempt to connect is under way. */
const firstAttemptMs = 3_000;

/** Whether the gateway is reached, and how many orders wait for it. */
export function ConnectionBadge() {
  const status = useStatus();
  const isStarting = useIsStarting(status);
  const { icon, tone, text } = describe(status, isStarting);
  return (
    <output className={classes['root']} data-tone={tone} aria-live="polite">
      <Icon name={icon} size={18} />
      <span>{text}</span>
    </output>
  );
}

/** Whether nothing is known yet: neither reached nor not reached. */
function useIsStarting({ state, online }: StatusSnapshot): boolean {
  const [isOver, setOver] = useState(false);
  const isKnown = online || state === 'waiting' || state === 'stopped';
  useEffect(() => {
    if (isOver) return undefined;
    const timer = setTimeout(() => setOver(true), isKnown ? 0 : firstAttemptMs);
    return () => clearTimeout(timer);
  }, [isOver, isKnown]);
  return !isOver && !isKnown;
}

function describe(
  { online, pending, state }: StatusSnapshot,
  isStarting: boolean,
): { readonly icon: IconName; readonly tone: string; readonly text: string } {
  const waiting = `${pending} waiting`;
  if (state === 'stopped')
    return { icon: 'refused', tone: 'bad', text: pending === 0 ? 'Not sending' : waiting };
  if (isStarting) return { icon: 'waiting', tone: 'quiet', text: pending === 0 ? 'Connecting' : waiting };
  if (!online)
    return { icon: 'offline', tone: 'wait', text: pending === 0 ? 'Offline' : `Offline · ${waiting}` };
  if (pending > 0) return { icon: 'sending', tone: 'wait', text: `Sending ${pending}` };
  return { icon: 'online', tone: 'good', text: 'Online' };
}
