import { Button } from '@mantine/core';
import { useState } from 'react';
import { Icon } from '../ui/icons.tsx';
import type { OfficeSnapshot } from './office-snapshot.ts';

/** Stops and starts the booking of orders, so that they can be seen waiting in the queue. */
export function BookingSwitch({ booking }: { readonly booking: OfficeSnapshot['booking'] }) {
  const [failed, setFailed] = useState(false);
  const isOn = booking === 'on';
  const change = (): void => {
    setFailed(false);
    fetch(isOn ? '/api/office/pause' : '/api/office/resume', { method: 'POST' }).then(
      ({ ok }) => setFailed(!ok),
      () => setFailed(true),
    );
  };
  return (
    <>
      <Button
        variant={isOn ? 'default' : 'filled'}
        leftSection={<Icon name={isOn ? 'pause' : 'play'} size={18} />}
        onClick={change}
      >
        {isOn ? 'Pause booking' : 'Book orders again'}
      </Button>
      {failed && <p role="alert">The office's server did not answer. Try again.</p>}
    </>
  );
}
