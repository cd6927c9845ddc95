import { type Instant, later } from '@fieldpost/protocol';
import type { DrainLease } from '../../ports/outbox-store.ts';
import type { Moment } from '../moment.ts';

/**
 * Which tab drains: the one that holds the lease in the database. Who gets the lock of the origin asks for the lease at
 * once; who is queued for the lock asks now and then, as a frozen tab may keep the lock, but cannot renew its lease.
 *
 *     off → queued (for the lock) → asking (for the lease) → leading ⇄ renewing
 *                     ↑               ↑ refused ↓
 *                     └─ without the lock ──┴─ waiting (for another's lease to end)
 *
 * A clock may jump, and a frozen tab thaw: then two tabs lead for a while. That costs work, never a message: the gateway
 * fences the older session, and the store settles only for the holder of the lease.
 *
 * Invariant: `leads` is true only for less than {@link LEASE_MS} of monotonic time after the lease was last asked for.
 */
export interface LeadershipState {
  readonly kind: 'off' | 'queued' | 'asking' | 'waiting' | 'leading' | 'renewing';
  readonly hasLock: boolean;
  /** When the lease was last asked for with success; only while leading or renewing. */
  readonly leasedAt: Instant | undefined;
  /** When the running request for the lease was made. */
  readonly askedAt: Instant | undefined;
  readonly retryAt: Instant | undefined;
}

export type LeadershipEvent =
  | { readonly type: 'started' }
  | { readonly type: 'lockHeld' }
  | { readonly type: 'lockLost' }
  /** The store's answer to a request for the lease; `lease` undefined when the request failed. */
  | { readonly type: 'leaseAnswered'; readonly lease: DrainLease | undefined }
  /** The store would not settle for this holder. */
  | { readonly type: 'leaseLost' }
  | { readonly type: 'deadlineReached' }
  | { readonly type: 'stopped' };

export type LeadershipEffect =
  | { readonly type: 'acquireLock' }
  | { readonly type: 'releaseLock' }
  | { readonly type: 'askLease'; readonly until: number; readonly now: number }
  | { readonly type: 'giveUpLease' };

export interface LeadershipStep {
  readonly state: LeadershipState;
  readonly effects: readonly LeadershipEffect[];
}

/** How long a lease lasts: a frozen leader is replaced after this. */
export const LEASE_MS = 15_000;
/** A third of the lease: two renewals may fail before it ends. */
export const LEASE_RENEW_MS = 5_000;

export const LEADERSHIP_OFF: LeadershipState = {
  kind: 'off',
  hasLock: false,
  leasedAt: undefined,
  askedAt: undefined,
  retryAt: undefined,
};

/** Whether this tab may drain now. */
export function leads(state: LeadershipState, now: Instant): boolean {
  return state.leasedAt !== undefined && now < state.leasedAt + LEASE_MS;
}

export function stepLeadership(
  state: LeadershipState,
  event: LeadershipEvent,
  holder: string,
  moment: Moment,
): LeadershipStep {
  switch (event.type) {
    case 'started':
      return queue(moment);
    case 'lockHeld':
      return lockHeld(state, moment);
    case 'lockLost':
      return state.kind === 'off' ? same(state) : queue(moment);
    case 'leaseAnswered':
      return leaseAnswered(state, event.lease, holder, moment);
    case 'leaseLost':
      return state.leasedAt === undefined ? same(state) : wait(state, LEASE_RENEW_MS, moment);
    case 'deadlineReached':
      return deadlineReached(state, moment);
    case 'stopped': {
      const effects: LeadershipEffect[] = state.leasedAt === undefined ? [] : [{ type: 'giveUpLease' }];
      if (state.kind !== 'off') effects.push({ type: 'releaseLock' });
      return { state: LEADERSHIP_OFF, effects };
    }
  }
}

/** The next moment at which leadership changes by itself or has to do something. */
export function leadershipDeadline(state: LeadershipState): Instant | undefined {
  if (state.kind === 'renewing')
    return state.leasedAt === undefined ? undefined : later(state.leasedAt, LEASE_MS);
  return state.retryAt;
}

function leaseAnswered(
  state: LeadershipState,
  lease: DrainLease | undefined,
  holder: string,
  moment: Moment,
): LeadershipStep {
  if (state.kind !== 'asking' && state.kind !== 'renewing') return same(state);
  if (lease?.holder === holder && state.askedAt !== undefined) {
    const leasedAt = state.askedAt;
    if (moment.now >= leasedAt + LEASE_MS) return ask(state, 'asking', moment);
    return {
      state: {
        ...state,
        kind: 'leading',
        leasedAt,
        askedAt: undefined,
        retryAt: later(leasedAt, LEASE_RENEW_MS),
      },
      effects: [],
    };
  }
  if (lease === undefined) {
    // The store failed. What is held stays held until it ends.
    const stillLeads = leads(state, moment.now);
    return {
      state: {
        ...state,
        kind: stillLeads ? 'leading' : outOfLead(state),
        leasedAt: stillLeads ? state.leasedAt : undefined,
        askedAt: undefined,
        retryAt: later(moment.now, LEASE_RENEW_MS / 2),
      },
      effects: [],
    };
  }
  // Another's. Its end is told by a wall clock that may jump, so never wait longer than a whole lease.
  return wait(state, Math.min(Math.max(lease.until - moment.wallMs, 100), LEASE_MS), moment);
}

function deadlineReached(state: LeadershipState, moment: Moment): LeadershipStep {
  const due = leadershipDeadline(state);
  if (due === undefined || moment.now < due) return same(state);
  if (state.kind === 'renewing') return ask({ ...state, leasedAt: undefined }, 'asking', moment);
  if (state.kind === 'leading' && leads(state, moment.now)) return ask(state, 'renewing', moment);
  return ask({ ...state, leasedAt: undefined }, 'asking', moment);
}

function ask(state: LeadershipState, kind: 'asking' | 'renewing', moment: Moment): LeadershipStep {
  return {
    state: {
      ...state,
      kind,
      leasedAt: kind === 'renewing' ? state.leasedAt : undefined,
      askedAt: moment.now,
      retryAt: undefined,
    },
    effects: [{ type: 'askLease', until: moment.wallMs + LEASE_MS, now: moment.wallMs }],
  };
}

/**
 * Asks for the lease as if every running one had ended: who held the lock before has given it up, so its lease is that of
 * a page that was reloaded or crashed, and nobody needs to wait for it. Where everybody holds the lock, a new tab takes
 * the lease over once.
 */
function takeOver(state: LeadershipState, moment: Moment): LeadershipStep {
  const end = moment.wallMs + LEASE_MS;
  const asking = ask({ ...state, hasLock: true }, 'asking', moment);
  return { ...asking, effects: [{ type: 'askLease', until: end, now: end }] };
}

function lockHeld(state: LeadershipState, moment: Moment): LeadershipStep {
  switch (state.kind) {
    case 'queued':
      return takeOver(state, moment);
    case 'leading':
    case 'renewing':
    case 'asking':
    case 'waiting':
      return { state: { ...state, hasLock: true }, effects: [] };
    case 'off':
      return same(state);
  }
}

/** Waits for the lock. Should its holder be frozen, its lease ends, and this tab finds out by asking for it. */
function queue(moment: Moment): LeadershipStep {
  const retryAt = later(moment.now, LEASE_MS);
  return { state: { ...LEADERSHIP_OFF, kind: 'queued', retryAt }, effects: [{ type: 'acquireLock' }] };
}

function wait(state: LeadershipState, delayMs: number, moment: Moment): LeadershipStep {
  const retryAt = later(moment.now, delayMs);
  return {
    state: { ...state, kind: outOfLead(state), leasedAt: undefined, askedAt: undefined, retryAt },
    effects: [],
  };
}

/** Where a tab is that does not lead: without the lock it is still queued for it. */
function outOfLead(state: LeadershipState): 'queued' | 'waiting' {
  return state.hasLock ? 'waiting' : 'queued';
}

function same(state: LeadershipState): LeadershipStep {
  return { state, effects: [] };
}
