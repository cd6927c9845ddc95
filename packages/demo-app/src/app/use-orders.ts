import Dexie from 'dexie';
import { useLiveQuery } from 'dexie-react-hooks';
import type { OrderRow } from './database.ts';
import { useWorkplace } from './session-context.tsx';
import { database } from './session.ts';

/** The rep's orders on this device, the latest first; undefined until they are read. Follows changes of every window. */
export function useOrders(): readonly OrderRow[] | undefined {
  const { rep } = useWorkplace().session;
  return useLiveQuery(
    () =>
      database.orders
        .where('[repId+takenAt]')
        .between([rep.id, Dexie.minKey], [rep.id, Dexie.maxKey])
        .reverse()
        .toArray(),
    [rep.id],
  );
}
