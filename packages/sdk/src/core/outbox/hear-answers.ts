import {
  backoffDelayMs,
  later,
  type MessageId,
  streamKeyText,
  type StreamState as Answer,
  uuidFromBytes,
} from '@fieldpost/protocol';
import type { Moment } from '../moment.ts';
import { messageIdOf } from './entry-walk.ts';
import { lastKnown, segmentOf } from './follow-log.ts';
import { listLog } from './list-log.ts';
import type {
  InFlight,
  LaneQueue,
  OutboxEffect,
  OutboxState,
  PendingSegment,
  SentRun,
  Stream,
} from './outbox-state.ts';
import { messageAt, setAside, setAsideInDoubt } from './set-aside.ts';

/** The id of a message that cannot be read, on the wire. */
export const ZERO_ID = uuidFromBytes(new Uint8Array(16)) as MessageId;

/** Rewinds without progress before a lane is held back: an answer that never comes must not keep the line busy. */
const FREE_REWINDS = 2;

/** Takes the states of an ack or a welcome. `answered` is the push that an ack answers. */
export function hearAnswers(
  state: OutboxState,
  answers: readonly Answer[],
  answered: InFlight | undefined,
  moment: Moment,
): OutboxEffect[] {
  const effects: OutboxEffect[] = [];
  for (const answer of answers) {
    const stream = state.streams.get(streamKeyText(answer));
    if (stream === undefined) continue;
    if (isRetired(answer)) {
      effects.push(...hearRetired(state, stream, answer, moment));
      continue;
    }
    if (isStale(stream, answer)) continue;
    const pushed = answered?.runs.findLast((run) => run.stream === stream);
    const isOfThisAttempt = pushed !== undefined && pushed.attempt === stream.attempt;
    noteUntold(state, stream, answer, pushed);
    if (answer.stall !== undefined) {
      stream.lane.heldUntil = later(moment.now, answer.stall.retryAfterMs);
      rewind(state, stream.lane);
    } else if (isOfThisAttempt && (answer.taken ?? answer.accepted) < pushed.last) {
      rewindForGap(state, stream.lane, moment);
    }
    // What an earlier answer waited for says nothing of what this one speaks of.
    stream.heldUntilListing = undefined;
    effects.push(...hearAnswer(state, stream, answer, moment));
  }
  return effects;
}

/** Takes answers that waited for segments, if all of these are loaded now. */
export function hearHeldAnswers(state: OutboxState, moment: Moment): OutboxEffect[] {
  const effects: OutboxEffect[] = [];
  for (const stream of state.streams.values()) {
    if (stream.held !== undefined) effects.push(...hearAnswer(state, stream, stream.held, moment));
  }
  return effects;
}

/** The first segment that an answer waits for. */
export function segmentForHeldAnswer(state: OutboxState): PendingSegment | undefined {
  for (const stream of state.streams.values()) {
    if (stream.held === undefined) continue;
    const needed = isRetired(stream.held)
      ? firstUnanswered(stream)
      : segmentsFor(stream, stream.held).find((segment) => segment.content === 'absent');
    if (needed !== undefined) return needed;
  }
  return undefined;
}

/** Remembers how far the gateway has settled a stream beyond what it tells. */
function noteUntold(state: OutboxState, stream: Stream, answer: Answer, pushed: SentRun | undefined): void {
  const untold = state.draining?.untold;
  // An answer to what was asked from where we stand, and without anything new: do not ask for ever, push again.
  const isFutile = pushed?.acknowledged === stream.acknowledged && answer.accepted <= stream.acknowledged;
  if (answer.taken === undefined || isFutile) untold?.delete(stream);
  // Of what is lost there, this device may have something.
  else untold?.set(stream, Math.min(answer.taken, (answer.lost?.[0]?.first ?? Number.POSITIVE_INFINITY) - 1));
}

/** Up to which number of a stream nothing has to be pushed: answered, or settled and yet to be told. */
export function doneUpTo(state: OutboxState, stream: Stream): number {
  return Math.max(stream.answered, state.draining?.untold.get(stream) ?? 0);
}

/** Back to the first unanswered message of the lane. What was pushed of it so far, and its answers, count no more. */
export function rewind(state: OutboxState, lane: LaneQueue): void {
  for (const stream of pushedUnanswered(state, lane)) stream.attempt++;
  lane.next = 0;
  lane.nextOffset = 0;
}

/**
 * When no answer is outstanding, what was pushed and is unanswered was passed over without our noticing: acks of a network
 * that doubles or swaps frames can be counted for the wrong push.
 */
export function rewindPassedOver(state: OutboxState, moment: Moment): void {
  for (const lane of state.lanes.values()) {
    const streams = pushedUnanswered(state, lane);
    const isDecided = [...streams].every((stream) => stream.held === undefined);
    if (streams.size > 0 && isDecided) rewindForGap(state, lane, moment);
  }
}

function pushedUnanswered(state: OutboxState, lane: LaneQueue): ReadonlySet<Stream> {
  const streams = new Set<Stream>();
  const end = lane.nextOffset > 0 ? lane.next + 1 : lane.next;
  for (let index = 0; index < end; index++) {
    const segment = lane.segments[index];
    const isPartOf = index === lane.next;
    if (segment === undefined) continue;
    const last = isPartOf ? segment.key.first + lane.nextOffset - 1 : segment.last;
    if (last <= doneUpTo(state, segment.stream)) continue;
    streams.add(segment.stream);
  }
  return streams;
}

function rewindForGap(state: OutboxState, lane: LaneQueue, moment: Moment): void {
  rewind(state, lane);
  lane.rewinds++;
  if (lane.rewinds > FREE_REWINDS) {
    lane.heldUntil = later(moment.now, backoffDelayMs(lane.rewinds - FREE_REWINDS, moment.jitter));
  }
}

function isStale(stream: Stream, answer: Answer): boolean {
  // Refusals below `since` are not listed: taken from this answer, a refused message would count as delivered.
  if (answer.since > stream.acknowledged) return true;
  return answer.attempt < stream.attempt || answer.accepted < stream.answered;
}

function hearAnswer(state: OutboxState, stream: Stream, answer: Answer, moment: Moment): OutboxEffect[] {
  if (isRetired(answer)) return hearRetired(state, stream, answer, moment);
  stream.held = undefined;
  // Taken, it would count as delivered what is here and missing there: push it.
  if (hasLost(stream, answer)) return [];
  if (answer.accepted <= stream.answered || answer.acceptedId === undefined) return [];
  if (answer.accepted > lastKnown(stream) && !isLogListed(state, stream)) {
    stream.held = answer;
    return stream.heldUntilListing === state.listingsBegun + 1 ? listLog(state) : [];
  }
  if (segmentsFor(stream, answer).some((segment) => segment.content === 'absent')) {
    stream.held = answer;
    return [];
  }
  const effects: OutboxEffect[] = [];
  if (isAnother(stream, answer)) {
    setAsideInDoubt(stream, answer.accepted, 'in-doubt', moment);
    effects.push({ type: 'endEpoch', epoch: stream.key.epoch });
  } else {
    for (const fate of answer.refusals ?? []) setAside(stream, fate, 'refused', moment);
    for (const fate of answer.skips ?? []) setAside(stream, fate, 'skipped', moment);
  }
  stream.heldUntilListing = undefined;
  stream.answered = answer.accepted;
  stream.answeredId = answer.acceptedId;
  stream.lane.rewinds = 0;
  state.settling.dirty.add(stream);
  return effects;
}

function isRetired(answer: Answer): boolean {
  return answer.stall?.code === 'epoch-retired';
}

/**
 * The gateway has forgotten what it held of this epoch, so nobody knows which of these messages it has: they are set aside
 * in doubt, segment by segment as they are loaded.
 */
function hearRetired(state: OutboxState, stream: Stream, answer: Answer, moment: Moment): OutboxEffect[] {
  stream.held = undefined;
  const effects: OutboxEffect[] = [{ type: 'endEpoch', epoch: stream.key.epoch }];
  for (let segment = firstUnanswered(stream); segment !== undefined; segment = firstUnanswered(stream)) {
    if (segment.content === 'absent') {
      stream.held = answer;
      return effects;
    }
    setAsideInDoubt(stream, segment.last, 'epoch-retired', moment);
    const message = messageAt(segment, segment.last);
    stream.answered = segment.last;
    stream.answeredId = message === undefined ? ZERO_ID : messageIdOf(message);
    state.settling.dirty.add(stream);
  }
  return effects;
}

function firstUnanswered(stream: Stream): PendingSegment | undefined {
  return stream.segments.find((segment) => segment.last > stream.answered);
}

/** Whether this device holds a message that the answer says is lost. */
function hasLost(stream: Stream, answer: Answer): boolean {
  return (answer.lost ?? []).some(({ first, last }) =>
    stream.segments.some(
      (segment) =>
        segment.content !== 'damaged' &&
        segment.key.first <= last &&
        segment.last >= Math.max(first, stream.acknowledged + 1),
    ),
  );
}

/**
 * Whether the log was listed after the answer came. If its numbers are still unknown then, they are in no log of this
 * device: the disk has gone back.
 */
function isLogListed(state: OutboxState, stream: Stream): boolean {
  stream.heldUntilListing ??= state.listingsBegun + 1;
  return state.listingsDone >= stream.heldUntilListing;
}

/** The segments whose content an answer cannot be taken without: for the id under `accepted`, and for bodies set aside. */
function segmentsFor(stream: Stream, answer: Answer): PendingSegment[] {
  const needed = new Set<PendingSegment>();
  const add = (number: number): void => {
    const segment = number > stream.acknowledged ? segmentOf(stream, number) : undefined;
    if (segment !== undefined) needed.add(segment);
  };
  add(answer.accepted);
  for (const fate of answer.refusals ?? []) add(fate.number);
  for (const fate of answer.skips ?? []) add(fate.number);
  if (isAnother(stream, answer))
    for (let number = stream.acknowledged + 1; number <= answer.accepted; number++) add(number);
  return [...needed];
}

/** Whether this device holds another message under the accepted number. */
function isAnother(stream: Stream, answer: Answer): boolean {
  const segment = answer.accepted > stream.acknowledged ? segmentOf(stream, answer.accepted) : undefined;
  const message = segment === undefined ? undefined : messageAt(segment, answer.accepted);
  if (message === undefined) return false;
  // A zero id is a skip of this device, from when the message could not be read.
  return answer.acceptedId !== ZERO_ID && answer.acceptedId !== messageIdOf(message);
}
