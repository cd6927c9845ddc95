import { type Instant, type StreamKey, streamKeyText } from '@fieldpost/protocol';
import type { SegmentKey, StreamMark } from '../../ports/outbox-store.ts';
import { laneText } from '../lane.ts';
import { countEntries } from './entry-walk.ts';
import { scheduleExpiry } from './expire.ts';
import type { LaneQueue, OutboxState, PendingSegment, Stream } from './outbox-state.ts';

/** Takes segments into the state that are not known yet. `keys` are in log order and begin after `knownUpTo` or overlap it. */
export function addSegments(
  state: OutboxState,
  keys: readonly SegmentKey[],
  now: Instant,
  contents?: readonly Uint8Array[],
): void {
  for (const [index, key] of keys.entries()) {
    if (key.position <= state.knownUpTo) continue;
    state.knownUpTo = key.position;
    const stream = streamFor(state, key.stream);
    const last = key.first + key.count - 1;
    if (last <= stream.acknowledged) continue;
    addHole(stream, key.first - 1, key, now);
    const segment: PendingSegment = {
      key,
      stream,
      last,
      content: 'absent',
      isHole: false,
      seenAt: now,
      expiresInMs: key.expiresInMs,
      dueAt: undefined,
      isVoid: false,
    };
    state.waitingMessages += Math.min(last - stream.acknowledged, key.count);
    state.waitingBytes += key.bytes;
    state.segments.set(key.position, segment);
    stream.segments.push(segment);
    stream.lane.segments.push(segment);
    if (key.expiresInMs !== undefined) scheduleExpiry(state, segment, now);
    voidWhenSkipped(state, segment);
    const content = contents?.[index];
    if (content !== undefined) setContent(state, segment, content);
  }
}

/** The last number of a stream that is known to be in the log, or was. */
export function lastKnown(stream: Stream): number {
  return Math.max(stream.acknowledged, stream.segments.at(-1)?.last ?? 0);
}

/**
 * Puts a stand-in for numbers up to `last` that are in no segment, if there are any, at the place of `beside`. Without it, the
 * gateway would wait for them for ever.
 */
export function addHole(
  stream: Stream,
  last: number,
  beside: { readonly position: number; readonly savedAt: number },
  now: Instant,
): void {
  const first = lastKnown(stream) + 1;
  if (first > last) return;
  const { position, savedAt } = beside;
  const key = { position, stream: stream.key, first, count: last - first + 1, bytes: 0, savedAt };
  const hole: PendingSegment = {
    key,
    stream,
    last,
    content: 'damaged',
    isHole: true,
    seenAt: now,
    expiresInMs: undefined,
    dueAt: undefined,
    isVoid: false,
  };
  stream.segments.push(hole);
  stream.lane.segments.push(hole);
}

/** The stream of a key, made when it is new. */
export function streamFor(state: OutboxState, key: StreamKey): Stream {
  const text = streamKeyText(key);
  const known = state.streams.get(text);
  if (known !== undefined) return known;
  const stream: Stream = {
    key: { epoch: key.epoch, queue: key.queue, priority: key.priority },
    text,
    lane: laneFor(state, key),
    acknowledged: 0,
    answered: 0,
    answeredId: undefined,
    attempt: 0,
    segments: [],
    held: undefined,
    heldUntilListing: undefined,
    setAside: new Map(),
    takenBack: new Map(),
    refusedHere: new Map(),
    skips: new Map(),
    reopened: undefined,
    knownFates: new Set(),
  };
  state.streams.set(text, stream);
  return stream;
}

/**
 * Moves streams to what the store holds as acknowledged and forgets the segments below. Resolves no promise: the caller
 * announces. Returns the marks that moved something.
 */
export function applyMarks(state: OutboxState, marks: readonly StreamMark[]): StreamMark[] {
  const moved: StreamMark[] = [];
  const lanes = new Set<LaneQueue>();
  for (const mark of marks) {
    const stream = streamFor(state, mark.stream);
    if (mark.acknowledged <= stream.acknowledged) continue;
    moved.push(mark);
    const before = stream.acknowledged;
    stream.acknowledged = mark.acknowledged;
    if (stream.answered < mark.acknowledged) {
      stream.answered = mark.acknowledged;
      stream.answeredId = mark.acknowledgedId;
    }
    for (const number of stream.setAside.keys())
      if (number <= mark.acknowledged) stream.setAside.delete(number);
    for (const fates of [stream.takenBack, stream.refusedHere])
      for (const number of fates.keys()) if (number <= mark.acknowledged) fates.delete(number);
    for (const [number, { isFinal }] of stream.skips) {
      if (number > mark.acknowledged) continue;
      stream.skips.delete(number);
      if (isFinal) state.finalSkips--;
    }
    if (stream.reopened !== undefined && stream.reopened.upTo <= mark.acknowledged)
      stream.reopened = undefined;
    if (stream.held !== undefined && stream.held.accepted <= mark.acknowledged) stream.held = undefined;
    let gone = 0;
    for (const segment of stream.segments) {
      if (segment.key.first > mark.acknowledged) break;
      if (!segment.isHole)
        state.waitingMessages -=
          Math.min(segment.last, mark.acknowledged) - Math.max(segment.key.first - 1, before);
      if (segment.last > mark.acknowledged) break;
      forgetSegment(state, segment);
      gone++;
    }
    if (gone === 0) continue;
    stream.segments = stream.segments.slice(gone);
    lanes.add(stream.lane);
  }
  for (const lane of lanes) compact(lane);
  return moved;
}

/** The highest position with nothing unanswered at or below it: settled, once what is answered is written down. */
export function answeredPrefix(state: OutboxState): number {
  let prefix = state.knownUpTo;
  for (const lane of state.lanes.values()) {
    const first = lane.segments.find((segment) => segment.last > segment.stream.answered);
    if (first !== undefined) prefix = Math.min(prefix, first.key.position - 1);
  }
  return prefix;
}

/** Counts a segment no more of which no message will ever be sent. */
export function voidWhenSkipped(state: OutboxState, segment: PendingSegment): void {
  const { stream, key, last } = segment;
  if (segment.isVoid || segment.isHole || stream.skips.size === 0) return;
  for (let number = Math.max(key.first, stream.acknowledged + 1); number <= last; number++)
    if (stream.skips.get(number)?.isFinal !== true) return;
  segment.isVoid = true;
  state.waitingBytes -= key.bytes;
}

/** Takes in what a segment holds; what does not add up is damaged. */
export function setContent(
  state: OutboxState,
  segment: PendingSegment,
  content: Uint8Array | undefined,
): void {
  if (segment.content instanceof Uint8Array) return;
  if (content === undefined || countEntries(content) !== segment.key.count) {
    segment.content = 'damaged';
    return;
  }
  segment.content = content;
  state.loadedBytes += content.length;
}

/** Lets go of a content that can be loaded again. */
export function dropContent(state: OutboxState, segment: PendingSegment): void {
  if (!(segment.content instanceof Uint8Array)) return;
  state.loadedBytes -= segment.content.length;
  segment.content = 'absent';
}

/** The segment of a stream that holds a number. */
export function segmentOf(stream: Stream, number: number): PendingSegment | undefined {
  let low = 0;
  let high = stream.segments.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const segment = stream.segments[middle];
    if (segment === undefined) return undefined;
    if (number < segment.key.first) high = middle - 1;
    else if (number > segment.last) low = middle + 1;
    else return segment;
  }
  return undefined;
}

function laneFor(state: OutboxState, key: StreamKey): LaneQueue {
  const text = laneText(key);
  const known = state.lanes.get(text);
  if (known !== undefined) return known;
  const lane: LaneQueue = {
    text,
    queue: key.queue,
    priority: key.priority,
    segments: [],
    next: 0,
    nextOffset: 0,
    heldUntil: undefined,
    rewinds: 0,
  };
  state.lanes.set(text, lane);
  return lane;
}

function forgetSegment(state: OutboxState, segment: PendingSegment): void {
  if (segment.isHole) return;
  dropContent(state, segment);
  if (!segment.isVoid) state.waitingBytes -= segment.key.bytes;
  state.timed.delete(segment);
  state.segments.delete(segment.key.position);
  state.missing.delete(segment.key.position);
}

/** Drops forgotten segments from a lane and keeps its place. */
function compact(lane: LaneQueue): void {
  const kept: PendingSegment[] = [];
  let next = 0;
  let offset = lane.nextOffset;
  for (const [index, segment] of lane.segments.entries()) {
    const gone = segment.last <= segment.stream.acknowledged;
    if (gone && index === lane.next) offset = 0;
    if (gone) continue;
    if (index < lane.next) next++;
    kept.push(segment);
  }
  lane.segments = kept;
  lane.next = next;
  lane.nextOffset = offset;
}
