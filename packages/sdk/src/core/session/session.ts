import { backoffDelayMs, type Instant, later, LIMITS, type Session, type Welcome } from '@fieldpost/protocol';
import type { CloseReason } from '../../ports/transport.ts';
import type { Moment } from '../moment.ts';
import type {
  SessionEffect,
  SessionEvent,
  SessionPhase,
  SessionProblem,
  SessionState,
  SessionStep,
  Via,
} from './session-state.ts';
import {
  EXPIRED_WITHIN_MS,
  type GatewayClock,
  type GivenToken,
  renewalOf,
  retryOf,
  SENT_WITHIN_MS,
  tokenDeadline,
  type TokenState,
} from './token-renewal.ts';

type LivePhase = Extract<SessionPhase, { kind: 'live' }>;

const GIVEN_AGAIN = 'token() gave the token again that the gateway no longer takes';
/** Socket attempts that must fail before HTTP is tried: one may be chance. */
const SOCKET_FAILURES_BEFORE_HTTP = 2;
/** How long a device stays on HTTP before it tries the socket again. */
const SOCKET_RETRY_MS = 5 * 60_000;
const HELLO_AGAIN_MS = 10 * 60_000;
/** How long the app may take to give a token. */
const TOKEN_TIMEOUT_MS = 30_000;
/** Hints that come faster than this are one hint: a flapping network must not undo the backoff. */
const HINT_PAUSE_MS = 1_000;
/** A session that lived for so long starts a new row of failures. */
const STOOD_MS = 10_000;
/** A gateway may ask for patience, not for ever. */
const RETRY_AFTER_MAX_MS = 15 * 60_000;

/** One step of the machine in `session-state.ts`. */
export function stepSession(state: SessionState, event: SessionEvent, moment: Moment): SessionStep {
  if ('connection' in event && event.connection !== state.connection) return same(state);
  switch (event.type) {
    case 'wanted':
      return state.phase.kind === 'idle'
        ? attempt({ ...state, lastSession: event.lastSession }, moment)
        : same(state);
    case 'unwanted':
      return unwanted(state);
    case 'sessionRead':
      return sessionRead(state, event.session);
    case 'tokenGiven':
      return tokenGiven(state, event.token, moment);
    case 'tokenFailed':
      return tokenFailed(state, event.problem, moment);
    case 'opened':
      return opened(state, moment);
    case 'welcomed':
      return welcomed(state, event.welcome, moment);
    case 'rejected':
      return rejected(state, event.frame, moment);
    case 'closed':
      return closed(state, event.reason, event.fruitless, moment);
    case 'malformed':
      return fail(state, moment, {
        problem: { code: 'malformed-frame', detail: 'the gateway sent bytes that are no frame' },
      });
    case 'unanswered':
      return isConnected(state.phase) ? fail(state, moment, { socketBlocked: event.fruitless }) : same(state);
    case 'answered':
      return answered(state);
    case 'hinted':
      return hinted(state, moment);
    case 'deadlineReached':
      return deadlineReached(state, event.occupied, moment);
  }
}

/** The next moment at which the session has to do something by itself. `occupied`: something is in flight. */
export function sessionDeadline(state: SessionState, occupied: boolean): Instant | undefined {
  switch (state.phase.kind) {
    case 'asking':
    case 'connecting':
    case 'greeting':
    case 'waiting':
      return state.phase.until;
    case 'live':
      return earlierOf(tokenDeadline(state.phase.token), renewalAt(state, state.phase, occupied));
    case 'idle':
    case 'stopped':
      return undefined;
  }
}

/**
 * When a session over HTTP begins anew: to try the socket again; or, where there is none, because nothing else would tell an
 * idle device that the gateway has forgotten what it had acknowledged.
 */
function renewalAt(state: SessionState, phase: LivePhase, occupied: boolean): Instant | undefined {
  if (state.via !== 'http' || occupied) return undefined;
  return later(phase.since, state.socketAllowed ? SOCKET_RETRY_MS : HELLO_AGAIN_MS);
}

function earlierOf(one: Instant | undefined, other: Instant | undefined): Instant | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one < other ? one : other;
}

function attempt(state: SessionState, moment: Moment): SessionStep {
  const connection = state.connection + 1;
  return {
    state: {
      ...state,
      connection,
      attemptedAt: moment.now,
      phase: { kind: 'asking', until: later(moment.now, TOKEN_TIMEOUT_MS) },
    },
    effects: [{ type: 'askToken', connection }],
  };
}

function unwanted(state: SessionState): SessionStep {
  if (state.phase.kind === 'stopped') return same(state);
  return { state: { ...state, phase: { kind: 'idle' } }, effects: disconnectIfConnected(state) };
}

function tokenGiven(state: SessionState, token: GivenToken, moment: Moment): SessionStep {
  if (state.phase.kind === 'live') return tokenRenewed(state, state.phase, token, moment);
  if (state.phase.kind !== 'asking') return same(state);
  const phase: SessionPhase = { kind: 'connecting', until: later(moment.now, LIMITS.answerTimeoutMs) };
  return {
    state: { ...state, token, phase },
    effects: [{ type: 'connect', connection: state.connection, via: state.via, token: token.text }],
  };
}

/** A newer token for a live session. One that was given before is none. */
function tokenRenewed(state: SessionState, phase: LivePhase, token: GivenToken, moment: Moment): SessionStep {
  const { kind } = phase.token;
  if (kind === 'good' || kind === 'sent') return same(state);
  if (token.text === state.token?.text) {
    return kind === 'asking' ? askAgain(state, phase, moment) : unauthorized(state, GIVEN_AGAIN, moment);
  }
  const renewAt = renewalOf(token, phase.clock, moment.now);
  const next: TokenState =
    kind === 'asking'
      ? { kind: 'good', renewAt }
      : { kind: 'sent', until: later(moment.now, SENT_WITHIN_MS), renewAt };
  return {
    state: { ...state, token, phase: { ...phase, token: next } },
    effects: [{ type: 'renewToken', connection: state.connection, token: token.text }],
  };
}

function tokenFailed(state: SessionState, problem: SessionProblem, moment: Moment): SessionStep {
  if (state.phase.kind === 'asking') return fail(state, moment, { problem });
  if (state.phase.kind !== 'live') return same(state);
  switch (state.phase.token.kind) {
    case 'asking':
      return askAgain(state, state.phase, moment);
    case 'expired':
      return fail(state, moment, { problem });
    case 'good':
    case 'sent':
      return same(state);
  }
}

/** The token in force is still good: there is time to try again. */
function askAgain(state: SessionState, phase: LivePhase, moment: Moment): SessionStep {
  const renewAt = state.token === undefined ? undefined : retryOf(state.token, phase.clock, moment.now);
  return withToken(state, phase, { kind: 'good', renewAt });
}

function withToken(state: SessionState, phase: LivePhase, token: TokenState): SessionStep {
  return { state: { ...state, phase: { ...phase, token } }, effects: [] };
}

/** The gateway takes nothing more under this token, and waits for another. */
function tokenExpired(state: SessionState, phase: LivePhase, moment: Moment): SessionStep {
  const { kind } = phase.token;
  if (kind === 'expired' || kind === 'sent') return same(state);
  const until = later(moment.now, EXPIRED_WITHIN_MS);
  const { state: next } = withToken(state, phase, { kind: 'expired', until });
  return {
    state: next,
    effects: kind === 'asking' ? [] : [{ type: 'askToken', connection: state.connection }],
  };
}

function answered(state: SessionState): SessionStep {
  const { phase } = state;
  const isFruitful = state.via === 'socket' && state.socketFailures > 0;
  const next = isFruitful ? { ...state, socketFailures: 0 } : state;
  if (phase.kind !== 'live' || phase.token.kind !== 'sent') return same(next);
  return withToken(next, phase, { kind: 'good', renewAt: phase.token.renewAt });
}

function opened(state: SessionState, moment: Moment): SessionStep {
  if (state.phase.kind !== 'connecting') return same(state);
  return {
    state: {
      ...state,
      phase: { kind: 'greeting', until: later(moment.now, LIMITS.answerTimeoutMs), repeated: false },
    },
    effects: [helloEffect(state, undefined)],
  };
}

function welcomed(state: SessionState, welcome: Welcome, moment: Moment): SessionStep {
  if (state.phase.kind !== 'greeting') return same(state);
  const { session, serverTimeMs } = welcome;
  const clock: GatewayClock = { at: moment.now, serverTimeMs };
  const renewAt = state.token === undefined ? undefined : renewalOf(state.token, clock, moment.now);
  return {
    state: {
      ...state,
      phase: { kind: 'live', session, since: moment.now, clock, token: { kind: 'good', renewAt } },
      lastSession: session,
      problem: undefined,
    },
    effects: [],
  };
}

function rejected(
  state: SessionState,
  frame: Extract<SessionEvent, { type: 'rejected' }>['frame'],
  moment: Moment,
): SessionStep {
  if (!isConnected(state.phase)) return same(state);
  if (frame.type === 'error' && frame.code === 'unauthorized' && state.phase.kind === 'live')
    return tokenExpired(state, state.phase, moment);
  if (frame.type === 'error') return failWith(state, frame.code, frame.detail, frame.retryAfterMs, moment);
  switch (frame.reason) {
    case 'revoked':
      return stop(state, {
        code: 'revoked',
        detail: 'this device was revoked or belongs to another subject',
      });
    case 'upgrade-required':
      return stop(state, {
        code: 'upgrade-required',
        detail: 'the gateway speaks no protocol version of this release',
      });
    case 'cloned':
      return {
        state: { ...state, phase: { kind: 'idle' }, lastSession: undefined },
        effects: [...disconnectIfConnected(state), { type: 'renewDevice' }],
      };
    case 'went-back':
      return fail(state, moment, {});
    case 'newer-connection':
      break;
  }
  if (state.phase.kind === 'greeting' && frame.session !== undefined && !state.phase.repeated) {
    // An HTTP hello that named an old session. Whoever leads here repeats it, once at a time.
    return {
      state: {
        ...state,
        phase: { kind: 'greeting', until: later(moment.now, LIMITS.answerTimeoutMs), repeated: true },
      },
      effects: [helloEffect(state, frame.session)],
    };
  }
  return fail(state, moment, {});
}

/**
 * A hello names the session that this device was last welcomed with, and never one that it has only heard of: by that the
 * gateway tells copies of a device apart.
 */
function helloEffect(state: SessionState, takesOver: Session | undefined): SessionEffect {
  const { connection, lastSession } = state;
  return { type: 'sendHello', connection, lastSession, takesOver };
}

function sessionRead(state: SessionState, session: Session): SessionStep {
  if (isConnected(state.phase)) return same(state);
  const isNews = state.lastSession === undefined || session.number > state.lastSession.number;
  return isNews ? { state: { ...state, lastSession: session }, effects: [] } : same(state);
}

function closed(state: SessionState, reason: CloseReason, fruitless: boolean, moment: Moment): SessionStep {
  if (!isConnected(state.phase)) return same(state);
  switch (reason.code) {
    case 'unauthorized':
    case 'busy':
    case 'origin-not-allowed':
      return failWith(state, reason.code, reason.detail, reason.retryAfterMs, moment);
    case 'lost':
    case 'refused':
    case 'too-large':
    case 'closed-here':
      return fail(state, moment, {
        ...(reason.retryAfterMs === undefined ? {} : { retryAfterMs: reason.retryAfterMs }),
        socketBlocked:
          (reason.code === 'lost' || reason.code === 'refused') && (fruitless || state.phase.kind !== 'live'),
      });
  }
}

function failWith(
  state: SessionState,
  code: string,
  detail: string,
  retryAfterMs: number | undefined,
  moment: Moment,
): SessionStep {
  switch (code) {
    case 'revoked':
    case 'upgrade-required':
      return stop(state, { code, detail });
    case 'unauthorized':
      return unauthorized(state, detail, moment);
    case 'busy':
    case 'shutting-down':
    case 'stalled':
      return fail(state, moment, { retryAfterMs: retryAfterMs ?? 0 });
    default:
      return fail(state, moment, {
        problem: { code, detail },
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      });
  }
}

function unauthorized(state: SessionState, detail: string, moment: Moment): SessionStep {
  const rejections = (hasStood(state, moment) ? 0 : state.rejections) + 1;
  const asked = { ...state, rejections };
  // The first rejection is what an expired token looks like: ask for a new one at once.
  return rejections === 1
    ? startOver(asked, moment)
    : fail(asked, moment, { problem: { code: 'unauthorized', detail } });
}

/** Ends the connection and begins the next one at once. */
function startOver(state: SessionState, moment: Moment): SessionStep {
  const next = attempt(state, moment);
  return { state: next.state, effects: [...disconnectIfConnected(state), ...next.effects] };
}

interface Failure {
  readonly problem?: SessionProblem;
  readonly retryAfterMs?: number;
  readonly socketBlocked?: boolean;
}

function fail(state: SessionState, moment: Moment, failure: Failure): SessionStep {
  if (state.phase.kind === 'idle' || state.phase.kind === 'stopped') return same(state);
  const failures = (hasStood(state, moment) ? 0 : state.failures) + 1;
  const timedOut = state.phase.kind === 'connecting' || state.phase.kind === 'greeting';
  const blocked =
    state.via === 'socket' && (failure.socketBlocked ?? (timedOut && failure.problem === undefined));
  const socketFailures = state.socketFailures + (blocked ? 1 : 0);
  const retryAfterMs = Math.min(failure.retryAfterMs ?? 0, RETRY_AFTER_MAX_MS);
  const delayMs = retryAfterMs + backoffDelayMs(failures, moment.jitter);
  return {
    state: {
      ...state,
      failures,
      socketFailures,
      via: nextVia(state, socketFailures),
      phase: { kind: 'waiting', until: later(moment.now, delayMs), hintsCount: retryAfterMs === 0 },
      problem: failure.problem ?? state.problem,
    },
    effects: disconnectIfConnected(state),
  };
}

/**
 * Whether the session that ends now had stood for a while. One that is welcomed and ended at once, by a clone of this
 * device or a token that ends as it begins, is one more failure of a row.
 */
function hasStood(state: SessionState, moment: Moment): boolean {
  return state.phase.kind === 'live' && moment.now >= state.phase.since + STOOD_MS;
}

/** While sockets do not get through, attempts take turns: HTTP may be blocked too, and a socket may work again. */
function nextVia(state: SessionState, socketFailures: number): Via {
  if (!state.socketAllowed) return 'http';
  if (socketFailures < SOCKET_FAILURES_BEFORE_HTTP) return 'socket';
  if (state.via === 'socket') return 'http';
  // A break in a working HTTP session says nothing about sockets.
  return state.phase.kind === 'live' ? 'http' : 'socket';
}

function stop(state: SessionState, problem: SessionProblem): SessionStep {
  return {
    state: { ...state, phase: { kind: 'stopped', code: problem.code }, problem },
    effects: disconnectIfConnected(state),
  };
}

function hinted(state: SessionState, moment: Moment): SessionStep {
  if (state.phase.kind !== 'waiting' || !state.phase.hintsCount) return same(state);
  if (state.attemptedAt !== undefined && moment.now < state.attemptedAt + HINT_PAUSE_MS) return same(state);
  return attempt(state, moment);
}

function deadlineReached(state: SessionState, occupied: boolean, moment: Moment): SessionStep {
  const due = sessionDeadline(state, occupied);
  if (due === undefined || moment.now < due) return same(state);
  switch (state.phase.kind) {
    case 'waiting':
      return attempt(state, moment);
    case 'asking':
      return fail(state, moment, {
        problem: { code: 'token-unavailable', detail: 'token() gave no answer in time' },
      });
    case 'connecting':
    case 'greeting':
      return fail(state, moment, {});
    case 'live': {
      const tokenDue = tokenDeadline(state.phase.token);
      if (tokenDue !== undefined && moment.now >= tokenDue) return tokenIsDue(state, state.phase, moment);
      return startOver(state.socketAllowed ? { ...state, via: 'socket' } : state, moment);
    }
    case 'idle':
    case 'stopped':
      return same(state);
  }
}

function tokenIsDue(state: SessionState, phase: LivePhase, moment: Moment): SessionStep {
  switch (phase.token.kind) {
    case 'good': {
      const until = later(moment.now, TOKEN_TIMEOUT_MS);
      const { state: next } = withToken(state, phase, { kind: 'asking', until });
      return { state: next, effects: [{ type: 'askToken', connection: state.connection }] };
    }
    case 'asking':
      return askAgain(state, phase, moment);
    case 'expired':
      return startOver(state, moment);
    case 'sent':
      return withToken(state, phase, { kind: 'good', renewAt: phase.token.renewAt });
  }
}

function isConnected(phase: SessionPhase): boolean {
  return phase.kind === 'connecting' || phase.kind === 'greeting' || phase.kind === 'live';
}

function disconnectIfConnected(state: SessionState): SessionEffect[] {
  return isConnected(state.phase) ? [{ type: 'disconnect', connection: state.connection }] : [];
}

function same(state: SessionState): SessionStep {
  return { state, effects: [] };
}
