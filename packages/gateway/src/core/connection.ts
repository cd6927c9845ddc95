import {
  type CloseEpochs,
  type Confirm,
  type DeviceId,
  type DownFrame,
  type FateCursor,
  type ErrorFrameCode,
  type Hello,
  LIMITS,
  ProtocolError,
  type Session,
  type UpFrame,
} from '@fieldpost/protocol';
import type { Principal } from '../ports/authenticator.ts';
import type { AcceptResult } from './accept.ts';
import type { CloseEpochsResult } from './close-epochs.ts';
import type { HelloResult } from './hello.ts';
import { raiseAttempts, type ReadPush, readPush } from './read-push.ts';
import type { TellRequest, TellResult } from './tell-fates.ts';

/**
 * One live connection of a device, as a machine. Phases:
 *
 *     awaiting-hello ──hello──▶ greeting ──welcome──▶ live ──stop──▶ draining
 *            └───────────────────┴── error, fence, deadline ──┴──────────┴──▶ closed
 *
 * Invariants: nothing is decided for a device before its hello was; nothing is taken under an expired token; what is
 * under way is bounded; after `closed` no effect comes any more.
 */
export interface ConnectionState {
  readonly phase: 'awaiting-hello' | 'greeting' | 'live' | 'draining' | 'closed';
  readonly principal: Principal;
  /** When the phase `awaiting-hello` ends by itself, in Unix milliseconds. */
  readonly helloBy: number;
  readonly device?: DeviceId;
  readonly session?: Session;
  /** Received and not yet answered. */
  readonly underWay: { readonly frames: number; readonly messages: number; readonly bytes: number };
  /** Frames that were answered `busy` because the device went over its window. */
  readonly turnedAway: number;
  /** The highest attempt of each stream in this session, by `streamKeyText`. */
  readonly attempts: ReadonlyMap<string, number>;
  readonly isCheckingToken: boolean;
  /** What came behind a newer token that is being checked, while the one before has ended. */
  readonly held: readonly FrameReceived[];
  /** How the device hears of the fates of its messages; undefined when it does not want to. */
  readonly telling?: Telling;
  /** Set when the token has ended: until then a newer one may come, in Unix milliseconds. */
  readonly tokenBy?: number;
}

/** One frame of fates is under way at most. */
interface Telling {
  /** How far the device has heard. */
  readonly heard: FateCursor | undefined;
  /** `asking` the store; `told`: the device has to confirm before anything follows. */
  readonly stage: 'quiet' | 'asking' | 'told';
  /** There may be more than the store has been asked for. */
  readonly isMore: boolean;
}

/** Facts. */
export type ConnectionEvent =
  | {
      readonly type: 'frame-received';
      readonly frame: UpFrame;
      readonly bytes: number;
      /** The gateway has as much of all devices in memory as it takes. */
      readonly isOverloaded?: boolean;
    }
  | { readonly type: 'frame-unreadable'; readonly detail: string }
  | { readonly type: 'hello-decided'; readonly hello: Hello; readonly result: HelloResult }
  | { readonly type: 'push-decided'; readonly cost: FrameCost; readonly result: AcceptResult }
  | { readonly type: 'close-decided'; readonly cost: FrameCost; readonly result: CloseEpochsResult }
  | { readonly type: 'fates-decided'; readonly cost: FrameCost; readonly result: TellResult }
  /** There may be fates to tell the device. */
  | { readonly type: 'fates-noticed' }
  /** Undefined when the token was not valid. */
  | { readonly type: 'token-checked'; readonly principal: Principal | undefined }
  /** A store that failed, or refused with a code of its own: what was under way is not acknowledged. */
  | { readonly type: 'store-failed'; readonly code: ErrorFrameCode }
  /** A newer session of the same device began on this gateway. */
  | { readonly type: 'superseded'; readonly session: Session }
  /** An operator revoked the device. */
  | { readonly type: 'revoked' }
  | { readonly type: 'deadline-reached' }
  | { readonly type: 'stop-requested' }
  | { readonly type: 'disconnected' };

/** Commands. */
export type ConnectionEffect =
  | { readonly type: 'decide-hello'; readonly hello: Hello; readonly principal: Principal }
  | {
      readonly type: 'decide-push';
      readonly push: ReadPush;
      readonly device: DeviceId;
      readonly principal: Principal;
      readonly attempts: ReadonlyMap<string, number>;
      readonly cost: FrameCost;
    }
  | {
      readonly type: 'decide-close';
      readonly frame: CloseEpochs;
      readonly device: DeviceId;
      readonly principal: Principal;
      readonly cost: FrameCost;
    }
  | {
      readonly type: 'decide-fates';
      readonly request: TellRequest;
      readonly principal: Principal;
      readonly cost: FrameCost;
    }
  | { readonly type: 'check-token'; readonly token: string }
  | { readonly type: 'send'; readonly frame: DownFrame }
  | { readonly type: 'disconnect' };

/** What a frame adds to what is under way. */
interface FrameCost {
  readonly messages: number;
  readonly bytes: number;
}

export interface ConnectionDeadline {
  readonly at: number;
  readonly reason: 'hello-missing' | 'token-expired' | 'token-missing';
}

export interface ConnectionStep {
  readonly state: ConnectionState;
  readonly effects: readonly ConnectionEffect[];
}

/** A connection whose token has just been checked. */
export function openConnection(principal: Principal, now: number): ConnectionState {
  return {
    phase: 'awaiting-hello',
    principal,
    helloBy: now + HELLO_WITHIN_MS,
    underWay: { frames: 0, messages: 0, bytes: 0 },
    turnedAway: 0,
    attempts: new Map(),
    isCheckingToken: false,
    held: [],
  };
}

/** What happens next by itself, and when. */
export function nextConnectionDeadline(state: ConnectionState): ConnectionDeadline | undefined {
  if (state.phase === 'closed') return undefined;
  if (state.phase === 'awaiting-hello') return { at: state.helloBy, reason: 'hello-missing' };
  if (state.tokenBy !== undefined) return { at: state.tokenBy, reason: 'token-missing' };
  return { at: state.principal.expiresAt, reason: 'token-expired' };
}

/** Takes a connection one event further. `now` is in Unix milliseconds. */
export function stepConnection(state: ConnectionState, event: ConnectionEvent, now: number): ConnectionStep {
  if (state.phase === 'closed') return stay(state);
  switch (event.type) {
    case 'frame-received':
      return onFrame(state, event, now);
    case 'frame-unreadable':
      return fail(state, 'malformed-frame', event.detail);
    case 'hello-decided':
      return onHelloDecided(state, event.hello, event.result);
    case 'push-decided':
      return onAnswered(state, event.cost, event.result.reply);
    case 'close-decided':
      return onAnswered(state, event.cost, event.result);
    case 'fates-decided':
      return onFatesDecided(state, event.cost, event.result);
    case 'fates-noticed':
      return onFatesNoticed(state);
    case 'token-checked':
      return onTokenChecked(state, event.principal, now);
    case 'store-failed':
      return fail(state, event.code, 'the store did not take it; nothing was acknowledged');
    case 'superseded':
      return onSuperseded(state, event.session);
    case 'revoked':
      return close(state, [{ type: 'send', frame: { type: 'fenced', reason: 'revoked' } }]);
    case 'deadline-reached':
      return onDeadline(state, now);
    case 'stop-requested':
      return drain({ ...state, phase: 'draining' }, []);
    case 'disconnected':
      return { state: { ...state, phase: 'closed' }, effects: [] };
  }
}

/** A connection says hello within this time of its opening: an idle socket without one is of no use to anybody. */
export const HELLO_WITHIN_MS = 10_000;
/** A device whose token ended has this long to send a newer one before it is disconnected. */
export const TOKEN_GRACE_MS = 10_000;
/** How far a device may go over the announced window before its pushes are turned away, and before it is. */
const BUSY_FACTOR = 2;
const FLOOD_FACTOR = 4;
/** Frames that a device may send over its window before it is taken for one that never waits. */
const TURNED_AWAY_MAX = 2 * LIMITS.windowFrames;
const BUSY_RETRY_MS = 1_000;
/** Streams that one connection may push to: a device with more of them opens another session for the rest. */
const STREAMS_MAX = 4 * LIMITS.helloStreams;

/** Of what the gateway begins by itself. */
const NO_COST: FrameCost = { messages: 0, bytes: 0 };

function stay(state: ConnectionState): ConnectionStep {
  return { state, effects: [] };
}

type FrameReceived = Extract<ConnectionEvent, { type: 'frame-received' }>;

function onFrame(state: ConnectionState, event: FrameReceived, now: number): ConnectionStep {
  const { frame, bytes } = event;
  if (state.phase === 'draining') return stay(state);
  if (frame.type === 'token') return onToken(state, frame.token);
  if (now >= state.principal.expiresAt) {
    return state.isCheckingToken ? hold(state, event) : refuseExpired(state, now);
  }
  if (frame.type === 'hello') return onHello(state, frame);
  if (state.phase !== 'live' || state.device === undefined) {
    return fail(state, 'unexpected-frame', `a ${frame.type} before the welcome`);
  }
  if (frame.type === 'push' && event.isOverloaded === true) {
    return { state, effects: [errorEffect('busy', 'the gateway has too much to do', BUSY_RETRY_MS)] };
  }
  switch (frame.type) {
    case 'push':
      return onPush(state, state.device, frame, bytes);
    case 'close-epochs':
      return onClose(state, state.device, frame, bytes);
    case 'confirm':
      return onConfirm(state, frame, bytes);
  }
}

/** Frames are taken in the order in which they were sent: whether these may be, the token before them will tell. */
function hold(state: ConnectionState, event: FrameReceived): ConnectionStep {
  const held = [...state.held, event];
  const bytes = held.reduce((sum, frame) => sum + frame.bytes, 0);
  if (held.length > BUSY_FACTOR * LIMITS.windowFrames || bytes > BUSY_FACTOR * LIMITS.windowBytes)
    return fail(state, 'busy', 'more under way than allowed while a token is checked');
  return stay({ ...state, held });
}

function onHello(state: ConnectionState, hello: Hello): ConnectionStep {
  if (state.phase !== 'awaiting-hello')
    return fail(state, 'unexpected-frame', 'a second hello on one connection');
  const effect: ConnectionEffect = { type: 'decide-hello', hello, principal: state.principal };
  return { state: { ...state, phase: 'greeting' }, effects: [effect] };
}

function onHelloDecided(state: ConnectionState, hello: Hello, result: HelloResult): ConnectionStep {
  const { reply } = result;
  if (reply.type === 'fenced') return close(state, [{ type: 'send', frame: reply }]);
  const { fates } = result;
  const welcomed: ConnectionState = {
    ...state,
    phase: 'live',
    device: hello.device,
    session: reply.session,
  };
  const welcome: ConnectionEffect = { type: 'send', frame: reply };
  if (hello.fates === undefined) return { state: welcomed, effects: [welcome] };
  const telling: Telling = { heard: hello.fates.heard, stage: 'told', isMore: false };
  if (fates !== undefined)
    return { state: { ...welcomed, telling }, effects: [welcome, { type: 'send', frame: fates }] };
  // What was written between the hello's transaction and now was noticed by nobody.
  const asking = askForFates({ ...welcomed, telling }, NO_COST);
  return { ...asking, effects: [welcome, ...asking.effects] };
}

function onPush(
  state: ConnectionState,
  device: DeviceId,
  frame: Extract<UpFrame, { type: 'push' }>,
  bytes: number,
): ConnectionStep {
  let push: ReadPush;
  try {
    push = readPush(frame);
  } catch (error) {
    if (error instanceof ProtocolError) return fail(state, 'malformed-frame', error.message);
    throw error;
  }
  const cost: FrameCost = { messages: push.messages, bytes };
  const flood = overload(state, cost);
  if (flood !== undefined) return flood;
  const attempts = raiseAttempts(state.attempts, push);
  if (attempts.size > STREAMS_MAX)
    return fail(state, 'busy', `more than ${STREAMS_MAX} streams on one connection`);
  const { principal } = state;
  const effect: ConnectionEffect = {
    type: 'decide-push',
    push,
    device,
    principal,
    attempts: state.attempts,
    cost,
  };
  return { state: { ...addCost(state, cost), attempts }, effects: [effect] };
}

function onClose(
  state: ConnectionState,
  device: DeviceId,
  frame: CloseEpochs,
  bytes: number,
): ConnectionStep {
  const cost: FrameCost = { messages: 0, bytes };
  const flood = overload(state, cost);
  if (flood !== undefined) return flood;
  const effect: ConnectionEffect = { type: 'decide-close', frame, device, principal: state.principal, cost };
  return { state: addCost(state, cost), effects: [effect] };
}

function onConfirm(state: ConnectionState, frame: Confirm, bytes: number): ConnectionStep {
  if (state.telling === undefined)
    return fail(state, 'unexpected-frame', 'a confirm of a device that did not want to hear of fates');
  const cost: FrameCost = { messages: 0, bytes };
  const flood = overload(state, cost);
  if (flood !== undefined) return flood;
  return askForFates({ ...state, telling: { ...state.telling, heard: frame.fates } }, cost);
}

function onFatesNoticed(state: ConnectionState): ConnectionStep {
  const { telling, phase } = state;
  if (telling === undefined || phase !== 'live') return stay(state);
  if (telling.stage !== 'quiet') return stay({ ...state, telling: { ...telling, isMore: true } });
  return askForFates(state, NO_COST);
}

function askForFates(state: ConnectionState, cost: FrameCost): ConnectionStep {
  const { telling, device, session, principal } = state;
  if (telling === undefined || device === undefined || session === undefined) return stay(state);
  const request: TellRequest = { device, session, heard: telling.heard };
  return {
    state: { ...addCost(state, cost), telling: { ...telling, stage: 'asking', isMore: false } },
    effects: [{ type: 'decide-fates', request, principal, cost }],
  };
}

function onFatesDecided(state: ConnectionState, cost: FrameCost, result: TellResult): ConnectionStep {
  const answered = onAnswered(state, cost, result);
  const { telling, phase } = answered.state;
  if (telling === undefined || phase !== 'live') return answered;
  if (result !== undefined)
    return { ...answered, state: { ...answered.state, telling: { ...telling, stage: 'told' } } };
  const quiet: ConnectionState = { ...answered.state, telling: { ...telling, stage: 'quiet' } };
  return telling.isMore ? askForFates(quiet, NO_COST) : { ...answered, state: quiet };
}

/** The answer to a device that has more under way than it was told it may; undefined when it has not. */
function overload(state: ConnectionState, cost: FrameCost): ConnectionStep | undefined {
  const share = Math.max(
    (state.underWay.messages + cost.messages) / LIMITS.windowMessages,
    (state.underWay.frames + 1) / LIMITS.windowFrames,
    (state.underWay.bytes + cost.bytes) / LIMITS.windowBytes,
  );
  if (share <= BUSY_FACTOR) return undefined;
  const detail = `more under way than allowed: ${LIMITS.windowFrames} frames, ${LIMITS.windowMessages} messages, ${LIMITS.windowBytes} bytes`;
  const turnedAway = state.turnedAway + 1;
  if (share > FLOOD_FACTOR || turnedAway > TURNED_AWAY_MAX) return fail(state, 'busy', detail);
  return { state: { ...state, turnedAway }, effects: [errorEffect('busy', detail, BUSY_RETRY_MS)] };
}

function addCost(state: ConnectionState, cost: FrameCost): ConnectionState {
  const { frames, messages, bytes } = state.underWay;
  return {
    ...state,
    underWay: { frames: frames + 1, messages: messages + cost.messages, bytes: bytes + cost.bytes },
  };
}

function onAnswered(state: ConnectionState, cost: FrameCost, reply: DownFrame | undefined): ConnectionStep {
  const { frames, messages, bytes } = state.underWay;
  const answered: ConnectionState = {
    ...state,
    underWay: { frames: frames - 1, messages: messages - cost.messages, bytes: bytes - cost.bytes },
  };
  const effects: ConnectionEffect[] = reply === undefined ? [] : [{ type: 'send', frame: reply }];
  if (reply?.type === 'fenced') return close(answered, effects);
  return state.phase === 'draining' ? drain(answered, effects) : { state: answered, effects };
}

function onToken(state: ConnectionState, token: string): ConnectionStep {
  if (state.isCheckingToken)
    return { state, effects: [errorEffect('busy', 'a token is being checked', BUSY_RETRY_MS)] };
  return { state: { ...state, isCheckingToken: true }, effects: [{ type: 'check-token', token }] };
}

function onTokenChecked(
  state: ConnectionState,
  principal: Principal | undefined,
  now: number,
): ConnectionStep {
  const { tokenBy: _, ...rest } = state;
  if (
    principal === undefined ||
    principal.subject !== state.principal.subject ||
    principal.expiresAt <= now
  ) {
    // The token in force stays in force: a bad new one takes nothing away.
    const complaint = [errorEffect('unauthorized', UNAUTHORIZED)];
    return takeHeld({ ...state, isCheckingToken: false }, complaint, now);
  }
  return takeHeld({ ...rest, isCheckingToken: false, principal }, [], now);
}

/** Takes what waited for a token, under whichever is in force now. */
function takeHeld(state: ConnectionState, before: readonly ConnectionEffect[], now: number): ConnectionStep {
  let step: ConnectionStep = { state: { ...state, held: [] }, effects: before };
  for (const event of state.held) {
    const next = stepConnection(step.state, event, now);
    step = { state: next.state, effects: [...step.effects, ...next.effects] };
  }
  return step;
}

const UNAUTHORIZED = 'the token is missing, invalid or expired';

function refuseExpired(state: ConnectionState, now: number): ConnectionStep {
  const effects = [errorEffect('unauthorized', UNAUTHORIZED)];
  if (state.phase !== 'live') return close(state, effects);
  return { state: { ...state, tokenBy: state.tokenBy ?? now + TOKEN_GRACE_MS }, effects };
}

function onSuperseded(state: ConnectionState, session: Session): ConnectionStep {
  if (state.session !== undefined && state.session.number >= session.number) return stay(state);
  return close(state, [{ type: 'send', frame: { type: 'fenced', reason: 'newer-connection', session } }]);
}

function onDeadline(state: ConnectionState, now: number): ConnectionStep {
  const deadline = nextConnectionDeadline(state);
  if (deadline === undefined || now < deadline.at) return stay(state);
  switch (deadline.reason) {
    case 'hello-missing':
      return fail(state, 'unexpected-frame', `no hello within ${HELLO_WITHIN_MS} ms`);
    case 'token-expired':
      return refuseExpired(state, now);
    case 'token-missing':
      return close(state, []);
  }
}

/** Ends a stopping connection once everything it had taken is answered. */
function drain(state: ConnectionState, effects: readonly ConnectionEffect[]): ConnectionStep {
  if (state.underWay.frames > 0 || state.phase !== 'draining') return { state, effects };
  return close(state, [...effects, errorEffect('shutting-down', 'the gateway is stopping', BUSY_RETRY_MS)]);
}

function fail(state: ConnectionState, code: ErrorFrameCode, detail: string): ConnectionStep {
  return close(state, [errorEffect(code, detail)]);
}

function close(state: ConnectionState, effects: readonly ConnectionEffect[]): ConnectionStep {
  return { state: { ...state, phase: 'closed' }, effects: [...effects, { type: 'disconnect' }] };
}

function errorEffect(code: ErrorFrameCode, detail: string, retryAfterMs?: number): ConnectionEffect {
  const bounded = detail.slice(0, LIMITS.detailCharacters);
  const frame: DownFrame = {
    type: 'error',
    code,
    detail: bounded,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
  return { type: 'send', frame };
}
