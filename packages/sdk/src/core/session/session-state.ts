import type { DownFrame, Instant, Session, Welcome } from '@fieldpost/protocol';
import type { CloseReason } from '../../ports/transport.ts';
import type { GatewayClock, GivenToken, TokenState } from './token-renewal.ts';

/**
 * The device's connection to its gateway.
 *
 *     idle → asking (the app for a token) → connecting → greeting (hello sent) → live
 *                ↑                              │             │                   │
 *                └────────── waiting (backoff) ←┴─────────────┴───────────────────┘
 *     stopped: the gateway said never again (revoked, upgrade-required)
 *
 * Invariants:
 * - At most one connection; events that name another one are passed over.
 * - Every phase but `idle`, `stopped` and an unoccupied `live` has a deadline, so nothing waits for ever.
 * - A failure leads to `waiting` with full jitter, or at once to `asking` for the first rejected token of a row.
 * - A token that ends while `live` is renewed there; only when that fails does the connection end for it.
 */
export type SessionPhase =
  | { readonly kind: 'idle' }
  | { readonly kind: 'asking'; readonly until: Instant }
  | { readonly kind: 'connecting'; readonly until: Instant }
  | { readonly kind: 'greeting'; readonly until: Instant; readonly repeated: boolean }
  | {
      readonly kind: 'live';
      readonly session: Session;
      readonly since: Instant;
      readonly clock: GatewayClock;
      readonly token: TokenState;
    }
  | { readonly kind: 'waiting'; readonly until: Instant; readonly hintsCount: boolean }
  | { readonly kind: 'stopped'; readonly code: string };

export type Via = 'socket' | 'http';

export interface SessionState {
  readonly phase: SessionPhase;
  /** Numbers connection attempts; the current one's events carry it. */
  readonly connection: number;
  /** Failures since a session last stood for a while. */
  readonly failures: number;
  /** Tokens not taken since a session last stood for a while. */
  readonly rejections: number;
  /** Sockets that bore no fruit, since the last one that did: no welcome, or no answer to what was pushed. */
  readonly socketFailures: number;
  readonly via: Via;
  /** False when the app wants HTTP only. */
  readonly socketAllowed: boolean;
  readonly lastSession: Session | undefined;
  /** The last token that the app gave. */
  readonly token: GivenToken | undefined;
  readonly attemptedAt: Instant | undefined;
  readonly problem: SessionProblem | undefined;
}

export interface SessionProblem {
  readonly code: string;
  readonly detail: string;
}

export type SessionEvent =
  /** This tab leads: connect. */
  | { readonly type: 'wanted'; readonly lastSession: Session | undefined }
  | { readonly type: 'unwanted' }
  /** The store knows a later session of this device than this tab: another tab has led meanwhile. */
  | { readonly type: 'sessionRead'; readonly session: Session }
  | { readonly type: 'tokenGiven'; readonly connection: number; readonly token: GivenToken }
  | { readonly type: 'tokenFailed'; readonly connection: number; readonly problem: SessionProblem }
  | { readonly type: 'opened'; readonly connection: number }
  /** `fruitless`: something was pushed, and nothing was ever answered. */
  | {
      readonly type: 'closed';
      readonly connection: number;
      readonly reason: CloseReason;
      readonly fruitless: boolean;
    }
  | { readonly type: 'welcomed'; readonly connection: number; readonly welcome: Welcome }
  | {
      readonly type: 'rejected';
      readonly connection: number;
      readonly frame: Extract<DownFrame, { type: 'fenced' | 'error' }>;
    }
  /** The other side sent what is no frame. */
  | { readonly type: 'malformed'; readonly connection: number }
  /** A push was answered: this way to the gateway works. */
  | { readonly type: 'answered' }
  /** Something sent was not answered in time. */
  | { readonly type: 'unanswered'; readonly fruitless: boolean }
  /** Nothing is in flight over HTTP: a good moment to try the socket again. */
  | { readonly type: 'deadlineReached'; readonly occupied: boolean }
  | { readonly type: 'hinted' };

export type SessionEffect =
  | { readonly type: 'askToken'; readonly connection: number }
  | { readonly type: 'connect'; readonly connection: number; readonly via: Via; readonly token: string }
  | {
      readonly type: 'sendHello';
      readonly connection: number;
      readonly lastSession: Session | undefined;
      /** The session in force that a fence has told of, which the hello is to end. */
      readonly takesOver: Session | undefined;
    }
  /** Another copy of this device's data is in use: this one needs another id. */
  | { readonly type: 'renewDevice' }
  /** Use this token on the connection from now on. */
  | { readonly type: 'renewToken'; readonly connection: number; readonly token: string }
  | { readonly type: 'disconnect'; readonly connection: number };

export interface SessionStep {
  readonly state: SessionState;
  readonly effects: readonly SessionEffect[];
}

export function createSession(socketAllowed: boolean): SessionState {
  return {
    phase: { kind: 'idle' },
    connection: 0,
    failures: 0,
    rejections: 0,
    socketFailures: 0,
    via: socketAllowed ? 'socket' : 'http',
    socketAllowed,
    lastSession: undefined,
    token: undefined,
    attemptedAt: undefined,
    problem: undefined,
  };
}
