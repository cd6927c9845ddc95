import { backoffDelayMs, type Instant, later } from '@fieldpost/protocol';
import type { Moment } from '../moment.ts';
import type { OutboxEffect, OutboxState, PendingSegment } from './outbox-state.ts';

/** So many segments are offered ahead of what is sent, so that one write serves a window. */
const AHEAD_SEGMENTS = 64;
/** With fewer left, more are offered, before anything has to wait for it. */
const LOW_SEGMENTS = 24;
/** After so long without anything to send, what was offered ahead is taken back. */
const QUIET_MS = 5_000;

/** Whether a segment may be sent; if not, what has to be offered for it is noted. */
export function isOffered({ offering }: OutboxState, { key }: PendingSegment): boolean {
  if (key.position <= offering.upTo) return true;
  offering.wanted ??= key.position;
  return false;
}

/** A segment is sent. */
export function noteSent({ offering }: OutboxState, { key }: PendingSegment): void {
  offering.sentUpTo = Math.max(offering.sentUpTo, key.position);
}

/**
 * Has it stored how far the log is offered: more than is sent while there is much to send, so that nothing waits for it, and
 * no more than was sent when there is nothing, so that what is saved from then on can be taken back for good.
 */
export function offerWhatIsNeeded(state: OutboxState, effects: OutboxEffect[], { now }: Moment): void {
  const { offering, draining } = state;
  const { upTo, sentUpTo, wanted } = offering;
  const isQuiet = draining?.inFlight.length === 0 && wanted === undefined;
  if (!isQuiet) offering.quietSince = undefined;
  else offering.quietSince ??= now;
  if (!state.isLeading || !offering.isKnown || offering.running !== undefined) return;
  if (offering.retryAt !== undefined) return;
  const isQuietForLong = offering.quietSince !== undefined && now >= later(offering.quietSince, QUIET_MS);
  if (draining === undefined || isQuietForLong) {
    if (upTo > sentUpTo) offer(state, sentUpTo, effects);
  } else if (wanted !== undefined) offer(state, wanted + AHEAD_SEGMENTS, effects);
  else if (!isQuiet && upTo < sentUpTo + LOW_SEGMENTS) offer(state, sentUpTo + AHEAD_SEGMENTS, effects);
}

/** The store has, or has not, written it. */
export function offered({ offering }: OutboxState, held: boolean): OutboxEffect[] {
  const upTo = offering.running?.upTo ?? 0;
  offering.running = undefined;
  offering.failures = 0;
  if (!held) return [{ type: 'leaseLost' }];
  offering.upTo = upTo;
  return [];
}

export function offerFailed({ offering }: OutboxState, moment: Moment): void {
  offering.running = undefined;
  offering.failures++;
  offering.retryAt = later(moment.now, backoffDelayMs(offering.failures, moment.jitter));
}

/**
 * What an earlier leader offered counts as sent: it may be on its way. None offers more than so far ahead of the log; what
 * says more is damaged.
 */
export function adoptOffered({ offering, knownUpTo }: OutboxState, stored: number): void {
  const upTo = Math.min(stored, knownUpTo + AHEAD_SEGMENTS);
  offering.isKnown = true;
  offering.upTo = upTo;
  offering.sentUpTo = Math.max(offering.sentUpTo, upTo);
}

export function offerDeadlines(state: OutboxState): Instant[] {
  const { retryAt, quietSince, upTo, sentUpTo, isKnown, running } = state.offering;
  if (retryAt !== undefined) return [retryAt];
  const isIdle = quietSince === undefined || upTo <= sentUpTo || !isKnown || running !== undefined;
  return isIdle || !state.isLeading ? [] : [later(quietSince, QUIET_MS)];
}

function offer({ offering }: OutboxState, upTo: number, effects: OutboxEffect[]): void {
  const isRaised = upTo > offering.upTo;
  offering.running = { upTo };
  // What is taken back must not be sent from now on.
  if (!isRaised) offering.upTo = upTo;
  effects.push({ type: 'offer', upTo, isRaised });
}
