import { backoffDelayMs, type Instant, later, LIMITS, unreachable } from '@fieldpost/protocol';
import type { Moment } from '../moment.ts';
import { withContact } from './age.ts';
import { buildPush } from './build-push.ts';
import { expireWhatIsDue, expiryDeadline, scheduleExpiries, segmentToExpire } from './expire.ts';
import { addSegments, dropContent, setContent } from './follow-log.ts';
import {
  hearAnswers,
  hearHeldAnswers,
  rewind,
  rewindPassedOver,
  segmentForHeldAnswer,
} from './hear-answers.ts';
import { listLog } from './list-log.ts';
import { adoptOffered, offerDeadlines, offered, offerFailed, offerWhatIsNeeded } from './offer.ts';
import type {
  Draining,
  InFlight,
  OutboxEffect,
  OutboxEvent,
  OutboxState,
  PendingSegment,
} from './outbox-state.ts';
import { addLostEnds, adoptReopened } from './reopened.ts';
import { announce, dropAnswers, led, settled, settleFailed, settleWhatIsAnswered } from './settle-answers.ts';
import { learnSkips } from './skips.ts';

/** What one load brings: a few pushes' worth. */
const LOAD_BYTES = 2 * 1024 * 1024;
/** Contents held in memory: a window in flight, and what comes next. */
const LOADED_BYTES_MAX = LIMITS.windowBytes + 2 * LOAD_BYTES;
/** A slower line than this is taken for a dead one, in bytes per millisecond. */
const SLOWEST_LINE = 8;
/** Between these, the line carries as much at once as it should. */
const PROMPT_ANSWER_MS = 2_000;
const SLOW_ANSWER_MS = 8_000;
const PACE_BYTES_MIN = 32 * 1024;
/** Of what is in flight, so much may have to pass before the next answer can come; more when one push is larger. */
const ANSWER_BYTES_MAX = 1024 * 1024;

/** One step of the machine in `outbox-state.ts`. Changes `state` in place. */
export function stepOutbox(state: OutboxState, event: OutboxEvent, moment: Moment): OutboxEffect[] {
  const effects = react(state, event, moment);
  expireWhatIsDue(state, moment);
  settleWhatIsAnswered(state, effects);
  const blockedOn = pushWhatFits(state, effects, moment);
  offerWhatIsNeeded(state, effects, moment);
  loadWhatIsNeeded(state, blockedOn ?? segmentToExpire(state, moment.now), effects);
  return effects;
}

/** The next moment at which the outbox has to do something by itself. */
export function outboxDeadline(state: OutboxState, now: Instant): Instant | undefined {
  const deadlines = offerDeadlines(state);
  const expiryAt = expiryDeadline(state, now);
  if (expiryAt !== undefined) deadlines.push(expiryAt);
  const { draining, settling } = state;
  if (settling.retryAt !== undefined) deadlines.push(settling.retryAt);
  if (state.readRetryAt !== undefined) deadlines.push(state.readRetryAt);
  if (draining !== undefined) {
    for (const lane of state.lanes.values()) {
      if (lane.heldUntil !== undefined && lane.next < lane.segments.length) deadlines.push(lane.heldUntil);
    }
    const answerBy = answerDeadline(draining);
    if (answerBy !== undefined) deadlines.push(answerBy);
  }
  return earliest(deadlines);
}

/** Whether an answer is overdue: the connection is dead, whatever it looks like. */
export function isAnswerOverdue(state: OutboxState, now: Instant): boolean {
  const answerBy = state.draining === undefined ? undefined : answerDeadline(state.draining);
  return answerBy !== undefined && now >= answerBy;
}

/** When the oldest message that waits was saved, in Unix milliseconds of the device. */
export function oldestSavedAt(state: OutboxState): number | undefined {
  let oldest: number | undefined;
  for (const lane of state.lanes.values()) {
    const first = lane.segments.find(({ isHole, isVoid }) => !isHole && !isVoid);
    if (first !== undefined) oldest = Math.min(oldest ?? first.key.savedAt, first.key.savedAt);
  }
  return oldest;
}

function react(state: OutboxState, event: OutboxEvent, moment: Moment): OutboxEffect[] {
  switch (event.type) {
    case 'opened':
      return opened(state, event, moment);
    case 'led':
      return led(state, event.isLeading, moment);
    case 'takenBack':
      return announce(state, [], [], learnSkips(state, event.skips));
    case 'offered':
      return [...announce(state, [], [], learnSkips(state, event.skips)), ...offered(state, event.held)];
    case 'offerFailed':
      offerFailed(state, moment);
      return [];
    case 'listed':
      return listed(state, event, moment);
    case 'listFailed':
      state.listing = 'failed';
      return readFailed(state, moment);
    case 'saved':
      return saved(state, event, moment);
    case 'savedElsewhere':
      return listLog(state);
    case 'loaded':
      return loaded(state, event, moment);
    case 'loadFailed':
      if (state.loading === event.load) state.loading = undefined;
      return readFailed(state, moment);
    case 'welcomed':
      return welcomed(state, event, moment);
    case 'acknowledged':
      return acknowledged(state, event, moment);
    case 'disconnected':
      return disconnected(state, event.tooLarge);
    case 'paused':
      if (state.draining !== undefined) state.draining.isPaused = true;
      return [];
    case 'resumed':
      return resumed(state);
    case 'settled':
      return settled(state, event.held);
    case 'settleFailed':
      return settleFailed(state, moment);
    case 'answersVoid':
      dropAnswers(state);
      return [];
    case 'deadlineReached':
      return deadlineReached(state, moment);
    default:
      return unreachable(event);
  }
}

function opened(
  state: OutboxState,
  event: Extract<OutboxEvent, { type: 'opened' }>,
  moment: Moment,
): OutboxEffect[] {
  const { log, keys } = event;
  state.reopenings = log.reopenings;
  state.generation = log.generation ?? state.generation;
  if (log.contacts.length > 0) state.contacts = log.contacts;
  const effects = announce(state, log.streams, undefined, learnSkips(state, log.skips));
  state.settledUpTo = Math.max(state.settledUpTo, log.settledUpTo);
  state.knownUpTo = Math.max(state.knownUpTo, log.settledUpTo);
  adoptReopened(state, log);
  addSegments(state, keys, moment.now);
  addLostEnds(state, moment.now);
  if (event.isFresh && !state.offering.isKnown) adoptOffered(state, log.offered);
  scheduleExpiries(state, moment.now);
  // What a load did not bring, and what is still neither settled nor listed, is gone for good: its numbers are skipped.
  const present = new Set(state.missing.size === 0 ? [] : keys.map((key) => key.position));
  for (const position of state.missing) {
    const segment = state.segments.get(position);
    if (segment?.content === 'absent' && position > log.settledUpTo && !present.has(position))
      segment.content = 'damaged';
  }
  state.missing.clear();
  return effects;
}

function listed(
  state: OutboxState,
  { after, keys }: Extract<OutboxEvent, { type: 'listed' }>,
  moment: Moment,
): OutboxEffect[] {
  // Asked for before the log was read anew: what stands between is not known.
  const hasGap = after > state.knownUpTo;
  const isAgain = state.listing === 'again' || hasGap;
  state.listing = 'no';
  if (!hasGap) state.listingsDone = state.listingsBegun;
  state.readFailures = 0;
  if (!hasGap) addSegments(state, keys, moment.now);
  const effects = isAgain ? listLog(state) : [];
  return [...effects, ...hearHeldAnswers(state, moment)];
}

function readFailed(state: OutboxState, moment: Moment): OutboxEffect[] {
  state.readFailures++;
  state.readRetryAt = later(moment.now, backoffDelayMs(state.readFailures, moment.jitter));
  return [];
}

function saved(
  state: OutboxState,
  event: Extract<OutboxEvent, { type: 'saved' }>,
  moment: Moment,
): OutboxEffect[] {
  const [first] = event.keys;
  if (first === undefined) return [];
  // Another tab saved in between: its segments come first in save order, so read the log in that order.
  if (first.position !== state.knownUpTo + 1) return listLog(state);
  const isRoom = state.draining !== undefined && state.loadedBytes < LOADED_BYTES_MAX;
  addSegments(state, event.keys, moment.now, isRoom ? event.contents : undefined);
  return [];
}

function loaded(
  state: OutboxState,
  event: Extract<OutboxEvent, { type: 'loaded' }>,
  moment: Moment,
): OutboxEffect[] {
  if (state.loading !== event.load) return [];
  state.loading = undefined;
  state.readFailures = 0;
  const wanted = state.segments.get(event.after + 1);
  for (const stored of event.segments) {
    const segment = state.segments.get(stored.position);
    if (segment === undefined) continue;
    if (segment !== wanted && state.loadedBytes > LOADED_BYTES_MAX) continue;
    setContent(state, segment, stored.messages);
  }
  const effects: OutboxEffect[] = [];
  if (wanted?.content === 'absent' && !state.missing.has(wanted.key.position)) {
    state.missing.add(wanted.key.position);
    effects.push({ type: 'reopen' });
  }
  return [...effects, ...hearHeldAnswers(state, moment)];
}

function welcomed(
  state: OutboxState,
  event: Extract<OutboxEvent, { type: 'welcomed' }>,
  moment: Moment,
): OutboxEffect[] {
  disconnected(state, false);
  for (const stream of state.streams.values()) {
    stream.attempt = 0;
    stream.held = undefined;
    stream.heldUntilListing = undefined;
  }
  state.draining = {
    limits: event.limits,
    isPaused: false,
    answers: 0,
    inFlight: [],
    inFlightBytes: 0,
    inFlightMessages: 0,
    progressAt: undefined,
    untold: new Map(),
  };
  state.settling.session = event.session;
  state.settling.generation = event.generation;
  state.generation = event.generation;
  const contact = { upTo: state.knownUpTo, timeMs: event.serverTimeMs };
  state.contacts = withContact(state.contacts, contact, state.settledUpTo);
  state.settling.contacts = state.contacts;
  state.gatewayTime = { timeMs: event.serverTimeMs, at: moment.now };
  scheduleExpiries(state, moment.now);
  return hearAnswers(state, event.streams, undefined, moment);
}

function acknowledged(
  state: OutboxState,
  event: Extract<OutboxEvent, { type: 'acknowledged' }>,
  moment: Moment,
): OutboxEffect[] {
  const { draining } = state;
  if (draining === undefined) return [];
  const effects = hearAnswers(state, event.streams, draining.inFlight[0], moment);
  const answered = draining.inFlight.shift();
  if (answered !== undefined) {
    draining.inFlightBytes -= answered.bytes;
    draining.inFlightMessages -= answered.messages;
    adjustPace(state, moment.now - answered.pushedAt);
  }
  draining.answers++;
  draining.progressAt = draining.inFlight.length === 0 ? undefined : moment.now;
  if (draining.inFlight.length === 0) rewindPassedOver(state, moment);
  return effects;
}

/** Nothing that was in flight will be answered any more: everything unanswered goes again on the next connection. */
function disconnected(state: OutboxState, tooLarge: boolean): OutboxEffect[] {
  const { draining } = state;
  if (tooLarge && draining !== undefined) shrink(state, draining);
  else if (draining !== undefined && draining.inFlight.length > 0) slowDown(state);
  state.draining = undefined;
  for (const lane of state.lanes.values()) {
    lane.next = 0;
    lane.nextOffset = 0;
    lane.rewinds = 0;
  }
  return [];
}

/** What was in flight and has no answer yet was lost, or its answer counts no more: it goes again. */
function resumed(state: OutboxState): OutboxEffect[] {
  const { draining } = state;
  if (draining === undefined) return [];
  for (const lane of state.lanes.values()) rewind(state, lane);
  draining.isPaused = false;
  draining.inFlight.length = 0;
  draining.inFlightBytes = 0;
  draining.inFlightMessages = 0;
  draining.progressAt = undefined;
  return [];
}

/** More at once while answers come promptly, less when they keep us waiting. */
function adjustPace(state: OutboxState, answeredAfterMs: number): void {
  if (answeredAfterMs < PROMPT_ANSWER_MS) state.paceBytes = Math.min(state.paceBytes * 2, LIMITS.windowBytes);
  else if (answeredAfterMs > SLOW_ANSWER_MS) slowDown(state);
}

function slowDown(state: OutboxState): void {
  state.paceBytes = Math.max(state.paceBytes / 2, PACE_BYTES_MIN);
}

/** A request was refused for its size: send half as much at once, down to one message; that one then cannot be sent. */
function shrink(state: OutboxState, draining: Draining): void {
  const [only, ...others] = draining.inFlight;
  if (
    only !== undefined &&
    others.length === 0 &&
    only.runs.every(({ atomicFrom }) => atomicFrom !== undefined)
  ) {
    for (const { stream, last, atomicFrom = last } of only.runs)
      for (let number = atomicFrom; number <= last; number++) stream.refusedHere.set(number, 'too-large');
    return;
  }
  if (draining.inFlightMessages > 1) {
    state.windowBytesMax = Math.min(state.windowBytesMax, Math.ceil(draining.inFlightBytes / 2));
    return;
  }
  const run = draining.inFlight[0]?.runs[0];
  run?.stream.refusedHere.set(run.last, 'too-large');
}

function deadlineReached(state: OutboxState, moment: Moment): OutboxEffect[] {
  const { settling } = state;
  const { offering } = state;
  if (settling.retryAt !== undefined && moment.now >= settling.retryAt) settling.retryAt = undefined;
  if (offering.retryAt !== undefined && moment.now >= offering.retryAt) offering.retryAt = undefined;
  for (const lane of state.lanes.values()) {
    if (lane.heldUntil !== undefined && moment.now >= lane.heldUntil) lane.heldUntil = undefined;
  }
  if (state.readRetryAt === undefined || moment.now < state.readRetryAt) return [];
  state.readRetryAt = undefined;
  return state.listing === 'failed' ? listLog(state) : [];
}

/** Pushes what the window takes. Returns the segment that has to be loaded before more can go. */
function pushWhatFits(
  state: OutboxState,
  effects: OutboxEffect[],
  moment: Moment,
): PendingSegment | undefined {
  const { draining } = state;
  state.offering.wanted = undefined;
  if (draining === undefined || draining.isPaused) return undefined;
  for (;;) {
    if (draining.inFlight.length >= LIMITS.windowFrames) return undefined;
    const { push, blockedOn } = buildPush(state, draining, moment);
    if (push === undefined) return blockedOn;
    take(draining, push.inFlight, moment);
    effects.push({ type: 'push', runs: push.runs });
  }
}

function take(draining: Draining, push: InFlight, moment: Moment): void {
  draining.inFlight.push(push);
  draining.inFlightBytes += push.bytes;
  draining.inFlightMessages += push.messages;
  draining.progressAt ??= moment.now;
}

/** Has the next segment loaded that something waits for: an answer first, then the push to come. */
function loadWhatIsNeeded(
  state: OutboxState,
  blockedOn: PendingSegment | undefined,
  effects: OutboxEffect[],
): void {
  if (state.loading !== undefined || state.readRetryAt !== undefined) return;
  const needed = segmentForHeldAnswer(state) ?? blockedOn;
  if (needed === undefined || state.missing.has(needed.key.position)) return;
  if (state.loadedBytes > LOADED_BYTES_MAX) dropIdleContents(state);
  state.loads++;
  state.loading = state.loads;
  effects.push({ type: 'load', load: state.loads, after: needed.key.position - 1, bytesMax: LOAD_BYTES });
}

/** Contents of lanes that cannot go now make room for those that can. */
function dropIdleContents(state: OutboxState): void {
  for (const lane of state.lanes.values()) {
    for (const [index, segment] of lane.segments.entries())
      if (index > lane.next) dropContent(state, segment);
  }
}

function answerDeadline(draining: Draining): Instant | undefined {
  if (draining.progressAt === undefined) return undefined;
  const firstBytes = draining.inFlight[0]?.bytes ?? 0;
  const passing = Math.min(draining.inFlightBytes, Math.max(ANSWER_BYTES_MAX, firstBytes));
  const transferMs = passing / SLOWEST_LINE;
  return later(draining.progressAt, LIMITS.answerTimeoutMs + transferMs);
}

function earliest(instants: readonly Instant[]): Instant | undefined {
  return instants.reduce<Instant | undefined>(
    (first, at) => (first === undefined || at < first ? at : first),
    undefined,
  );
}
