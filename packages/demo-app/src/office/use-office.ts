import { useEffect, useState } from 'react';
import type { OfficeSnapshot } from './office-snapshot.ts';

export interface Office {
  /** Undefined until the first one arrives. */
  readonly snapshot: OfficeSnapshot | undefined;
  /** Whether the page hears of changes at this moment; it connects again by itself. */
  readonly isLive: boolean;
}

/** How things stand at the office, at each change. */
export function useOffice(): Office {
  const [office, setOffice] = useState<Office>({ snapshot: undefined, isLive: true });
  useEffect(() => {
    const source = new EventSource('/api/office/events');
    source.addEventListener('message', ({ data }: MessageEvent<string>) => {
      // Written by this page's own server, in the release that served this page.
      const snapshot: OfficeSnapshot = JSON.parse(data);
      setOffice({ snapshot, isLive: true });
    });
    source.addEventListener('error', () => setOffice((known) => ({ ...known, isLive: false })));
    return () => source.close();
  }, []);
  return office;
}
