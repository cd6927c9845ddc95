import type { MessageState } from '../ports/gateway-store.ts';
import { NEVER } from './never.ts';
import type { ReceiptParts } from './receipt.ts';

/** What holds a message back: a lease when there is a token, else a delay, or another message of its group. */
export interface Hold {
  /** The end of the lease or delay. */
  readonly until: number;
  /** Visible from then on. */
  readonly visibleAt: number;
  readonly token: string | null;
}

/** The hold of a message that waits for another one of its group. */
export const BLOCKED = { until: NEVER, visibleAt: NEVER } as const;

/** How a message stands that has this hold, or none. */
export function stateOfHold(hold: Hold | undefined, now: number): MessageState {
  if (hold === undefined || hold.visibleAt <= now) return 'ready';
  if (hold.token !== null && hold.until > now) return 'leased';
  return isBlocked(hold) ? 'blocked' : 'delayed';
}

export function isBlocked(hold: Pick<Hold, 'until' | 'token'> | undefined): boolean {
  return hold !== undefined && hold.token === null && hold.until === NEVER;
}

/** Whether a lease goes on at `now`, and is the one that the receipt is of. */
export function isLive<Found extends Pick<Hold, 'until' | 'token'>>(
  hold: Found | undefined,
  parts: ReceiptParts | undefined,
  now: number,
): hold is Found {
  return hold !== undefined && hold.until > now && hold.token === parts?.token;
}
