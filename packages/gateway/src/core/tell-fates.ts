import {
  type DeviceId,
  type FateCursor,
  type Fates,
  type Fenced,
  LIMITS,
  type Session,
} from '@fieldpost/protocol';
import type { Change, Decision, DeviceNotices, Scope, Snapshot } from '../ports/gateway-store.ts';
import { fenceUnlessInForce } from './session-check.ts';

/**
 * How a device hears of the fates of its messages ("Fates" in `docs/protocol/v1.md`): one frame at a time, the next one when
 * the device has confirmed the one before. What is confirmed is forgotten, so whatever is kept has not been heard, or the
 * gateway has not heard that it was.
 */
export interface TellRequest {
  readonly device: DeviceId;
  readonly session: Session;
  /** How far the device has heard. */
  readonly heard: FateCursor | undefined;
}

export interface TellContext {
  readonly subject: string;
  /** Unix milliseconds. */
  readonly now: number;
}

/** What the device is told now; nothing when there is nothing to tell. */
export type TellResult = Fates | Fenced | undefined;

/** What has to be loaded to tell a device of fates. */
export function scopeOfFates(device: DeviceId, heard: FateCursor | undefined): Scope {
  return { device, notices: { max: LIMITS.fatesHeard, ...(heard === undefined ? {} : { after: heard }) } };
}

/** Takes a confirmation, and tells what comes next. */
export function decideTell(
  snapshot: Snapshot,
  { device, session, heard }: TellRequest,
  { subject, now }: TellContext,
): Decision<TellResult> {
  const fenced = fenceUnlessInForce(snapshot.device, subject, session, snapshot.generations.opening);
  if (fenced !== undefined) return { changes: [], result: fenced };
  return tellFates(snapshot.notices, device, heard, now);
}

/** The same where the session is in force: within the decision that began it. */
export function tellFates(
  notices: DeviceNotices | undefined,
  device: DeviceId,
  heard: FateCursor | undefined,
  now: number,
): { readonly changes: readonly Change[]; readonly result: Fates | undefined } {
  if (notices === undefined) return { changes: [], result: undefined };
  const { isKnown, rows } = notices;
  // A cursor that leads to no notice is of a device or of a store that went back: what is kept, it may not have heard.
  const changes: Change[] =
    isKnown && heard !== undefined ? [{ type: 'confirm-notices', device, upTo: heard.number }] : [];
  const [first] = rows;
  if (first === undefined) return { changes, result: undefined };
  const isRestart = !isKnown && heard !== undefined && first.number <= heard.number;
  const fates = rows.map(({ number, id, code, reason, endedAt }) => ({
    number,
    id,
    code,
    ...(reason === undefined ? {} : { reason: reason.slice(0, LIMITS.detailCharacters) }),
    ageMs: Math.max(0, now - endedAt),
  }));
  return { changes, result: { type: 'fates', ...(isRestart ? { restart: true } : {}), fates } };
}
