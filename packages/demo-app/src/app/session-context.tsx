import type { StatusSnapshot } from '@fieldpost/sdk';
import { createContext, use, useCallback, useSyncExternalStore } from 'react';
import type { Catalogue } from '../catalogue/catalogue.ts';
import type { Session } from './session.ts';

/** What every page of a signed-in rep may use. */
export interface Workplace {
  readonly session: Session;
  readonly catalogue: Catalogue;
  readonly signOut: () => void;
}

export const WorkplaceContext = createContext<Workplace | undefined>(undefined);

export function useWorkplace(): Workplace {
  const workplace = use(WorkplaceContext);
  if (workplace === undefined) throw new Error('this part is only for a signed-in rep');
  return workplace;
}

/** How the outbox stands, now and after every change. */
export function useStatus(): StatusSnapshot {
  const { status } = useWorkplace().session.post;
  const subscribe = useCallback((changed: () => void) => status.subscribe(changed), [status]);
  return useSyncExternalStore(subscribe, () => status.get());
}
