import { Button, CloseButton } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { Icon, type IconName } from '../../ui/icons.tsx';
import { useStatus } from '../session-context.tsx';
import { useRelease } from '../use-release.ts';
import { problemWords } from '../words.ts';
import classes from './banners.module.css';

/** What needs the rep's attention, above the page: trouble with storage or the office, and a new release. */
export function Banners() {
  const { problems, storage } = useStatus();
  const release = useRelease();
  const [seen, setSeen] = useState<readonly string[]>([]);
  // A server that is not reached is what the connection badge shows.
  const open = problems.filter(
    ({ code, since }) => code !== 'token-unavailable' && !seen.includes(`${code} ${since}`),
  );
  return (
    <>
      {storage === 'full' && (
        <Banner icon="refused" tone="bad" role="alert">
          This device is out of storage: new orders cannot be saved. Free some space; orders that wait are
          safe.
        </Banner>
      )}
      {open.map(({ code, detail, since }) => (
        <Banner key={`${code} ${since}`} icon="refused" tone="bad" role="alert">
          <span>{problemWords(code, detail)}</span>
          <CloseButton
            aria-label="Close this notice"
            onClick={() => setSeen([...seen, `${code} ${since}`])}
          />
        </Banner>
      ))}
      {release.waiting && (
        <Banner icon="sending" tone="quiet" role="status">
          <span>A new version of Satchel is ready. Your orders and the one you are taking are kept.</span>
          <Button size="sm" onClick={release.use}>
            Update now
          </Button>
        </Banner>
      )}
    </>
  );
}

function Banner(props: {
  readonly icon: IconName;
  readonly tone: 'bad' | 'quiet';
  readonly role: 'alert' | 'status';
  readonly children: ReactNode;
}) {
  return (
    <div className={classes['root']} data-tone={props.tone} role={props.role}>
      <Icon name={props.icon} size={20} />
      {props.children}
    </div>
  );
}
