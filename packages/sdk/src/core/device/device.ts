import {
  type Hello,
  type Instant,
  later,
  LIMITS,
  PROTOCOL_VERSION,
  PROTOCOL_VERSION_MIN,
  type Session,
  type UpFrame,
  type Welcome,
} from '@fieldpost/protocol';
import type { Reopening, ReopenResult } from '../../ports/outbox-store.ts';
import { type LeadershipEvent, leadershipDeadline, leads, stepLeadership } from '../leadership/leadership.ts';
import type { Moment } from '../moment.ts';
import { createOutbox, type OutboxEvent, type OutboxState } from '../outbox/outbox-state.ts';
import { isAnswerOverdue, oldestSavedAt, outboxDeadline, stepOutbox } from '../outbox/outbox.ts';
import { countReopened } from '../outbox/reopened.ts';
import { pendingMessages } from '../outbox/skips.ts';
import type { SessionEffect, SessionEvent } from '../session/session-state.ts';
import { sessionDeadline, stepSession } from '../session/session.ts';
import type { DeviceEffect, DeviceEvent, DeviceState, Signal } from './device-state.ts';
import { endedEpochs } from './ended-epochs.ts';
import { hasNewLost, knowsLess } from './forgotten.ts';
import { hasMoreToName, nameStreams, noteWelcome } from './naming.ts';

/** How often the store is read although nobody signalled: signals are best effort, and some browsers have none. */
const POLL_MS = 15_000;
/** At a hint, an answer outstanding for longer than this is not waited for. */
const LATE_ANSWER_MS = 5_000;

/** One step of the machine in `device-state.ts`. Changes `state` in place. */
export function stepDevice(state: DeviceState, event: DeviceEvent, moment: Moment): DeviceEffect[] {
  const work: Work = { state, moment, effects: [] };
  const wasOnline = isOnline(state);
  // Before anything else: a tab that slept through its lease may not act on what it held.
  followLeadership(work);
  react(work, event);
  followLeadership(work);
  if (isOnline(state) !== wasOnline && state.isLeading)
    post(work, { type: 'online', online: isOnline(state) });
  return work.effects;
}

/** The next moment at which the device has to be stepped with `deadlineReached`. */
export function deviceDeadline(state: DeviceState, now: Instant): Instant | undefined {
  if (state.isClosed) return undefined;
  const deadlines = [
    leadershipDeadline(state.leadership),
    sessionDeadline(state.session, isOccupied(state)),
    outboxDeadline(state.outbox, now),
    state.pollAt,
  ];
  return deadlines.reduce((first, at) =>
    first === undefined || (at !== undefined && at < first) ? at : first,
  );
}

/** Whether this tab holds a welcomed connection. */
export function isOnline(state: DeviceState): boolean {
  return state.session.phase.kind === 'live';
}

/** Whether messages are sent again that the gateway had acknowledged. */
export function isSendingAgain(state: DeviceState): boolean {
  return state.reopening !== undefined || countReopened(state.outbox) > 0;
}

interface Work {
  readonly state: DeviceState;
  readonly moment: Moment;
  readonly effects: DeviceEffect[];
}

function react(work: Work, event: DeviceEvent): void {
  const { state } = work;
  switch (event.type) {
    case 'started':
      state.pollAt = later(work.moment.now, POLL_MS);
      return stepLeader(work, { type: 'started' });
    case 'lockHeld':
    case 'lockLost':
    case 'leaseAnswered':
      return stepLeader(work, event);
    case 'logRead':
      return logRead(work, event);
    case 'logReadFailed':
      state.reading = 'no';
      return;
    case 'listed':
    case 'listFailed':
    case 'loaded':
    case 'loadFailed':
      return stepOut(work, event);
    case 'settled':
    case 'settleFailed':
      stepOut(work, event);
      nameTheRest(work);
      return reopenWhenSettled(work);
    case 'offered':
    case 'offerFailed':
      return stepOut(work, event);
    case 'takenBack':
      stepOut(work, event);
      return post(work, { type: 'taken-back' });
    case 'reopened':
      return reopened(work, event.result);
    case 'deviceRenewed':
      return deviceRenewed(work, event.device);
    case 'saved':
      stepOut(work, event);
      return post(work, { type: 'saved' });
    case 'rolledBack':
      return forgetLog(work);
    case 'epochMinted':
      state.epoch = event.epoch;
      return;
    case 'tokenGiven':
    case 'tokenFailed':
    case 'opened':
      return stepConnection(work, event);
    case 'malformedReceived':
      return stepConnection(work, { type: 'malformed', connection: event.connection });
    case 'frameReceived':
      return frameReceived(work, event);
    case 'closed':
      if (event.connection !== state.session.connection) return;
      if (event.reason.code === 'too-large') stepOut(work, { type: 'disconnected', tooLarge: true });
      return stepConnection(work, { ...event, fruitless: isFruitless(state) });
    case 'signalled':
      return signalled(work, event.signal);
    case 'hinted':
      poll(work);
      if (isAnswerLate(state, work.moment)) unanswered(work);
      return stepConnection(work, { type: 'hinted' });
    case 'deadlineReached':
      return deadlineReached(work);
    case 'closing':
      state.isClosed = true;
      stepConnection(work, { type: 'unwanted' });
      return stepLeader(work, { type: 'stopped' });
  }
}

/** Acts on having become, or having ceased to be, the tab that drains. */
function followLeadership(work: Work): void {
  const { state } = work;
  const isLeading = leads(state.leadership, work.moment.now);
  if (isLeading === state.isLeading) return;
  state.isLeading = isLeading;
  stepOut(work, { type: 'led', isLeading });
  if (isLeading) {
    // What the last leader wrote comes first; the session begins when it is read.
    readLog(work);
  } else {
    state.onlineElsewhere = false;
    stepConnection(work, { type: 'unwanted' });
  }
}

function logRead(work: Work, event: Extract<DeviceEvent, { type: 'logRead' }>): void {
  const { state } = work;
  const isAgain = state.reading === 'again';
  state.reading = 'no';
  const { device, reopenings, session } = event.log;
  if (device !== undefined && !state.isRenewing) state.device = device;
  // Another tab has taken marks back: what is known here counts too much as delivered.
  if (reopenings > state.outbox.reopenings) state.outbox = renewOutbox(state.outbox);
  stepOut(work, { type: 'opened', log: event.log, keys: event.keys, isFresh: !isAgain });
  if (session !== undefined) stepConnection(work, { type: 'sessionRead', session });
  if (isAgain) return readLog(work);
  if (!state.isLeading || state.session.phase.kind !== 'idle') return;
  if (state.reopening !== undefined || state.isRenewing) return;
  stepConnection(work, { type: 'wanted', lastSession: newer(event.log.session, state.session.lastSession) });
}

function frameReceived(work: Work, event: Extract<DeviceEvent, { type: 'frameReceived' }>): void {
  const { state } = work;
  const { connection, frame } = event;
  if (connection !== state.session.connection) return;
  switch (frame.type) {
    case 'welcome': {
      if (state.session.phase.kind !== 'greeting') return;
      stepConnection(work, { type: 'welcomed', connection, welcome: frame });
      const limits = {
        frameBytes: Math.min(frame.limits.frameBytes, LIMITS.frameBytes),
        runMessages: Math.min(frame.limits.runMessages, LIMITS.runMessages),
        windowMessages: Math.min(frame.limits.windowMessages, LIMITS.windowMessages),
        windowBytes: Math.min(frame.limits.windowBytes, LIMITS.windowBytes),
      };
      const { session, generation, streams, serverTimeMs } = frame;
      // In a store that went back anew the same range is another one.
      if (generation !== state.outbox.generation) state.soughtLost.clear();
      noteWelcome(state.naming, state.outbox, frame);
      const forgotten = streams.filter((answer) => knowsLess(state, answer) || hasNewLost(state, answer));
      if (forgotten.length > 0) return beginReopening(work, { streams: forgotten, session, generation });
      stepOut(work, { type: 'welcomed', limits, session, generation, serverTimeMs, streams });
      return closeEpochs(work, session);
    }
    case 'ack':
      stepConnection(work, { type: 'answered' });
      return stepOut(work, { type: 'acknowledged', streams: frame.streams });
    case 'fenced':
      // Another tab may have led meanwhile: what the store knows of the session counts.
      if (frame.reason === 'newer-connection') readLog(work);
      return stepConnection(work, { type: 'rejected', connection, frame });
    case 'error':
      if (frame.code === 'payload-too-large' || frame.code === 'too-large') {
        stepOut(work, { type: 'disconnected', tooLarge: true });
      }
      return stepConnection(work, { type: 'rejected', connection, frame });
  }
}

/**
 * The gateway has forgotten what it had acknowledged. That comes first, in the order in which it was saved, so nothing is
 * pushed on this connection: it ends, what was settled is taken back in the store, and all begins anew from there.
 */
function beginReopening(
  work: Work,
  { streams, session, generation }: Pick<Welcome, 'streams' | 'session' | 'generation'>,
): void {
  const { state } = work;
  const request: Reopening = {
    session,
    generation,
    streams: streams.map(({ accepted, acceptedId, lost = [], ...key }) => ({
      stream: { epoch: key.epoch, queue: key.queue, priority: key.priority },
      accepted,
      acceptedId,
      lost,
    })),
  };
  state.reopening = { request, begun: false };
  stepConnection(work, { type: 'unwanted' });
  stepOut(work, { type: 'answersVoid' });
  reopenWhenSettled(work);
}

/** Streams for which a hello had no room are named in another one, when what came before is through. */
function nameTheRest(work: Work): void {
  const { naming, outbox, session } = work.state;
  if (!naming.isIncomplete || session.phase.kind !== 'live' || isOccupied(work.state)) return;
  if (countReopened(outbox) > 0 || outbox.settling.running !== undefined || !hasMoreToName(naming, outbox))
    return;
  stepConnection(work, { type: 'unwanted' });
  readLog(work);
}

/** A settlement under way was made of older answers: it has to be through before marks go down. */
function reopenWhenSettled(work: Work): void {
  const { reopening, outbox } = work.state;
  if (reopening === undefined || reopening.begun || outbox.settling.running !== undefined) return;
  reopening.begun = true;
  work.effects.push({ type: 'reopen', reopening: reopening.request });
}

function reopened(work: Work, result: ReopenResult | undefined): void {
  const { state } = work;
  state.reopening = undefined;
  if (result?.held !== true) state.soughtLost.clear();
  // The next look into the store begins a session, which finds the same again.
  if (result === undefined) return;
  if (!result.held) return stepLeader(work, { type: 'leaseLost' });
  if (result.reopened > 0) {
    state.closedEpochs.clear();
    post(work, { type: 'settled' });
  }
  readLog(work);
}

/** An empty picture of the log. What is under way in the store is still heard of. */
function renewOutbox(outbox: OutboxState): OutboxState {
  const { loads, listing, listingsBegun, listingsDone, isLeading } = outbox;
  return { ...createOutbox(), loads, listing, listingsBegun, listingsDone, isLeading };
}

function renewDevice(work: Work): void {
  const { state } = work;
  if (state.isRenewing) return;
  state.isRenewing = true;
  work.effects.push({ type: 'renewDevice', from: state.device });
}

/** Undefined: the store failed. The next look into it begins a session, which is told the same again. */
function deviceRenewed(work: Work, device: DeviceState['device'] | undefined): void {
  const { state } = work;
  state.isRenewing = false;
  if (device === undefined) return;
  state.device = device;
  // A copy of a running program numbers in the same epoch as the original.
  work.effects.push({ type: 'endEpoch', epoch: state.epoch });
  post(work, { type: 'settled' });
  readLog(work);
}

function signalled(work: Work, signal: Signal): void {
  const { state } = work;
  switch (signal.type) {
    case 'saved':
      return stepOut(work, { type: 'savedElsewhere' });
    case 'settled':
      return state.isLeading ? undefined : readLog(work);
    case 'online':
      state.onlineElsewhere = signal.online;
      return;
    case 'taken-back':
      return readLog(work);
    case 'end-epoch':
      if (signal.epoch === state.epoch) work.effects.push({ type: 'endEpoch', epoch: signal.epoch });
      return;
  }
}

function deadlineReached(work: Work): void {
  const { state, moment } = work;
  stepLeader(work, { type: 'deadlineReached' });
  if (isAnswerOverdue(state.outbox, moment.now)) unanswered(work);
  stepConnection(work, { type: 'deadlineReached', occupied: isOccupied(state) });
  stepOut(work, { type: 'deadlineReached' });
  if (state.pollAt !== undefined && moment.now >= state.pollAt) poll(work);
}

/** Begins again with what the store holds now. The session begins again, too: it spoke of streams that are gone. */
function forgetLog(work: Work): void {
  const { state } = work;
  stepConnection(work, { type: 'unwanted' });
  state.outbox = renewOutbox(state.outbox);
  readLog(work);
}

/** Whether a page that is looked at again had better not wait for an answer: its socket may have died while it slept. */
function isAnswerLate(state: DeviceState, moment: Moment): boolean {
  const progressAt = state.outbox.draining?.progressAt;
  return progressAt !== undefined && moment.now >= progressAt + LATE_ANSWER_MS;
}

function poll(work: Work): void {
  work.state.pollAt = later(work.moment.now, POLL_MS);
  if (work.state.isLeading && work.state.session.phase.kind !== 'idle')
    stepOut(work, { type: 'savedElsewhere' });
  else readLog(work);
}

/** Reads the whole state of the log: one read at a time, and one more if news came meanwhile. */
function readLog(work: Work): void {
  if (work.state.reading !== 'no') {
    work.state.reading = 'again';
    return;
  }
  work.state.reading = 'running';
  work.effects.push({ type: 'readLog' });
}

function stepLeader(work: Work, event: LeadershipEvent): void {
  const step = stepLeadership(work.state.leadership, event, work.state.holder, work.moment);
  work.state.leadership = step.state;
  work.effects.push(...step.effects);
}

function stepConnection(work: Work, event: SessionEvent): void {
  const { state } = work;
  const step = stepSession(state.session, event, work.moment);
  state.session = step.state;
  if (state.outbox.draining !== undefined && step.state.phase.kind !== 'live') {
    stepOut(work, { type: 'disconnected', tooLarge: false });
  }
  for (const effect of step.effects) {
    if (effect.type === 'sendHello') send(work, [hello(work, effect.lastSession, effect.takesOver)]);
    else if (effect.type === 'renewDevice') renewDevice(work);
    else if (effect.type === 'renewToken') renewToken(work, effect);
    else work.effects.push(effect);
  }
  holdPushes(work);
}

/** Over the socket a frame brings the newer token; over HTTP it goes with the next request. */
function renewToken(work: Work, { connection, token }: Extract<SessionEffect, { type: 'renewToken' }>): void {
  if (work.state.session.via === 'socket') send(work, [{ type: 'token', token }]);
  work.effects.push({ type: 'setToken', connection, token });
}

/** Under a token that has ended the gateway takes nothing: what would be pushed has to wait for a newer one. */
function holdPushes(work: Work): void {
  const { session, outbox } = work.state;
  const isExpired = session.phase.kind === 'live' && session.phase.token.kind === 'expired';
  if (outbox.draining === undefined || outbox.draining.isPaused === isExpired) return;
  stepOut(work, { type: isExpired ? 'paused' : 'resumed' });
}

function stepOut(work: Work, event: OutboxEvent): void {
  const { state } = work;
  for (const effect of stepOutbox(state.outbox, event, work.moment)) {
    switch (effect.type) {
      case 'push': {
        const { phase } = state.session;
        if (phase.kind !== 'live') break;
        const { runs } = effect;
        for (const { epoch } of runs) state.closedEpochs.delete(epoch);
        // Over HTTP nothing else says whose session it is.
        const device = state.session.via === 'http' ? { device: state.device } : {};
        send(work, [{ type: 'push', session: phase.session, ...device, runs: [...runs] }]);
        break;
      }
      case 'reopen':
        readLog(work);
        break;
      case 'leaseLost':
        stepLeader(work, { type: 'leaseLost' });
        break;
      case 'announce':
        work.effects.push(effect);
        if (
          effect.deadLetters !== undefined &&
          !(effect.marks.length === 0 && effect.deadLetters.length === 0)
        )
          post(work, { type: 'settled' });
        break;
      case 'endEpoch':
        if (effect.epoch === state.epoch) work.effects.push(effect);
        else post(work, { type: 'end-epoch', epoch: effect.epoch });
        break;
      case 'load':
      case 'list':
      case 'settle':
      case 'offer':
        work.effects.push(effect);
        break;
    }
  }
}

function hello(work: Work, lastSession: Session | undefined, takesOver: Session | undefined): Hello {
  const { state, moment } = work;
  const { generation } = state.outbox;
  const oldest = oldestSavedAt(state.outbox);
  return {
    type: 'hello',
    versions: [PROTOCOL_VERSION_MIN, PROTOCOL_VERSION],
    device: state.device,
    ...(lastSession === undefined ? {} : { lastSession }),
    ...(takesOver === undefined ? {} : { takesOver }),
    ...(generation === undefined ? {} : { generation }),
    client: state.client,
    streams: nameStreams(state.naming, state.outbox),
    waiting: {
      messages: pendingMessages(state.outbox),
      bytes: state.outbox.waitingBytes,
      oldestAgeMs: oldest === undefined ? 0 : Math.max(0, Math.floor(moment.wallMs - oldest)),
    },
  };
}

/** Tells the gateway of epochs of earlier starts that hold nothing any more. Too early does no harm: a push reopens one. */
function closeEpochs(work: Work, session: Session): void {
  const { state } = work;
  const epochs = endedEpochs(state);
  if (epochs.length === 0) return;
  for (const epoch of epochs) state.closedEpochs.add(epoch);
  const device = state.session.via === 'http' ? { device: state.device } : {};
  send(work, [{ type: 'close-epochs', session, ...device, epochs }]);
}

function send(work: Work, frames: readonly UpFrame[]): void {
  work.effects.push({ type: 'send', connection: work.state.session.connection, frames });
}

function post(work: Work, signal: Signal): void {
  work.effects.push({ type: 'post', signal });
}

function unanswered(work: Work): void {
  stepConnection(work, { type: 'unanswered', fruitless: isFruitless(work.state) });
}

/** Whether what was pushed on this connection has got no answer at all. */
function isFruitless(state: DeviceState): boolean {
  return isOccupied(state) && state.outbox.draining?.answers === 0;
}

function isOccupied(state: DeviceState): boolean {
  return (state.outbox.draining?.inFlight.length ?? 0) > 0;
}

/** The later of two sessions that this device remembers. */
function newer(stored: Session | undefined, known: Session | undefined): Session | undefined {
  if (stored === undefined || known === undefined) return stored ?? known;
  return known.number > stored.number ? known : stored;
}
