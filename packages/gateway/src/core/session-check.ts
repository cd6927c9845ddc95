import type { Fenced, Session } from '@fieldpost/protocol';
import type { DeviceRow } from '../ports/gateway-store.ts';

/** Whether two sessions are the same one. */
export function isSameSession(left: Session, right: Session): boolean {
  return left.number === right.number && left.nonce === right.nonce;
}

/**
 * The refusal of a frame that names `session`, or undefined when that is the session in force of a device of this
 * subject. Runs inside the transaction, so that a hello elsewhere cannot slip between check and write.
 */
export function fenceUnlessInForce(
  row: DeviceRow | undefined,
  subject: string,
  session: Session,
  opening: string,
): Fenced | undefined {
  if (row === undefined) return { type: 'fenced', reason: 'newer-connection' };
  if (row.revoked || row.subject !== subject) return { type: 'fenced', reason: 'revoked' };
  // What was greeted before the store was opened may have been greeted by what an older copy has replaced since.
  if (isSameSession(row.session, session) && row.opening === opening) return undefined;
  return { type: 'fenced', reason: 'newer-connection', session: row.session };
}

/** Whether a device remembers a session that the store cannot have forgotten by itself: the store went back in time. */
export function knowsLaterSession(row: DeviceRow | undefined, remembered: Session): boolean {
  if (row === undefined || remembered.number > row.session.number) return true;
  return remembered.number === row.session.number && remembered.nonce !== row.session.nonce;
}
