import type { Session } from '@fieldpost/protocol';

/** The later of two sessions that this device remembers. */
export function newerSession(stored: Session | undefined, known: Session | undefined): Session | undefined {
  if (stored === undefined || known === undefined) return stored ?? known;
  return known.number > stored.number ? known : stored;
}
