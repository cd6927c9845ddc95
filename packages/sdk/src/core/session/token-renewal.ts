import { type Instant, later } from '@fieldpost/protocol';

/**
 * The token of a live session, renewed inside it.
 *
 *     good ──renewAt──▶ asking ──token──▶ good
 *       └──the gateway says `unauthorized`──▶ expired ──token──▶ sent ──an answer──▶ good
 *
 * While `expired`, nothing is pushed: the gateway takes nothing, and waits a while for a newer token before it hangs up.
 */
export type TokenState =
  /** `renewAt` is undefined for a token that does not say when it ends. */
  | { readonly kind: 'good'; readonly renewAt: Instant | undefined }
  | { readonly kind: 'asking'; readonly until: Instant }
  | { readonly kind: 'expired'; readonly until: Instant }
  /** Complaints that are still on their way speak of the token before. */
  | { readonly kind: 'sent'; readonly until: Instant; readonly renewAt: Instant | undefined };

/** A token, and when it ends by the gateway's clock in Unix milliseconds, if it says so. */
export interface GivenToken {
  readonly text: string;
  readonly endsAtMs: number | undefined;
}

/** The gateway's clock, read at the welcome: this device's own may be wrong by years. */
export interface GatewayClock {
  readonly at: Instant;
  readonly serverTimeMs: number;
}

/** A token is renewed so long before its end; a short-lived one when a third of its time is left. */
const RENEW_BEFORE_MS = 60_000;
/** Asking more often than this for a token that does not come makes it come no sooner. */
const RENEW_AGAIN_MS = 5_000;
/** The gateway gives a device whose token ended ten seconds: then a new connection is quicker. */
export const EXPIRED_WITHIN_MS = 8_000;
/** When nothing is heard for so long, the gateway has taken the token, or has hung up. */
export const SENT_WITHIN_MS = 15_000;

/** When a token that has just come has to be renewed. */
export function renewalOf(token: GivenToken, clock: GatewayClock, now: Instant): Instant | undefined {
  const leftMs = leftOf(token, clock, now);
  if (leftMs === undefined || leftMs <= 0) return undefined;
  return later(now, leftMs - Math.min(RENEW_BEFORE_MS, leftMs / 3));
}

/** When to ask again for a token that the app could not give, or gave as it was. Undefined: at the token's end. */
export function retryOf(token: GivenToken, clock: GatewayClock, now: Instant): Instant | undefined {
  const leftMs = leftOf(token, clock, now);
  if (leftMs === undefined || leftMs < 2 * RENEW_AGAIN_MS) return undefined;
  return later(now, Math.max(RENEW_AGAIN_MS, Math.min(leftMs / 2, RENEW_BEFORE_MS)));
}

/** When the token has to be looked at next. */
export function tokenDeadline(token: TokenState): Instant | undefined {
  return token.kind === 'good' ? token.renewAt : token.until;
}

function leftOf(token: GivenToken, clock: GatewayClock, now: Instant): number | undefined {
  return token.endsAtMs === undefined ? undefined : token.endsAtMs - (clock.serverTimeMs + (now - clock.at));
}
