import { FieldpostError } from '@fieldpost/sdk';
import { Button } from '@mantine/core';
import { EmptyState } from '../../ui/empty-state.tsx';

interface StartFailedPageProps {
  readonly failure: unknown;
  readonly onRetry: () => void;
  readonly onSignOut: () => void;
}

/** The app could not open what it keeps on this device, or was never online here. */
export function StartFailedPage({ failure, onRetry, onSignOut }: StartFailedPageProps) {
  const code = failure instanceof FieldpostError ? failure.code : undefined;
  return (
    <main>
      <EmptyState icon="refused" title="Satchel could not start" role="alert">
        <p>{startFailureWords(code)}</p>
        <Button onClick={onRetry}>Try again</Button>
        <Button variant="subtle" onClick={onSignOut}>
          Sign in as someone else
        </Button>
      </EmptyState>
    </main>
  );
}

function startFailureWords(code: string | undefined): string {
  switch (code ?? '') {
    case 'storage-blocked':
      return 'An older window of this app keeps its storage busy. Close the other windows, then try again.';
    case 'storage-full':
      return 'This device is out of storage. Free some space, then try again.';
    case 'storage-failed':
      return 'The storage of this browser could not be opened. Leave private mode if you are in it, then try again.';
    default:
      return 'The first start on a device needs a connection to the office. Check the network, then try again.';
  }
}
