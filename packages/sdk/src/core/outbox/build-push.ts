import { ENTRY_HEADER_BYTES, LIMITS, type Run } from '@fieldpost/protocol';
import type { Moment } from '../moment.ts';
import { ageOf } from './age.ts';
import { entryEnd, entryStart, messageIdOf, sliceEntries } from './entry-walk.ts';
import { isDue } from './expire.ts';
import { doneUpTo, ZERO_ID } from './hear-answers.ts';
import { isOffered, noteSent } from './offer.ts';
import type {
  Draining,
  InFlight,
  LaneQueue,
  OutboxState,
  PendingSegment,
  SentRun,
  Stream,
} from './outbox-state.ts';
import { lostUpTo } from './reopened.ts';
import { isPart, readyParts } from './transaction-parts.ts';

/** What goes into one push: enough to make a frame worth its headers, little enough to answer often on a slow line. */
const PUSH_BYTES = 256 * 1024;
const PUSH_BYTES_MIN = 16 * 1024;
/** What a run costs beside its messages, generously: keys, epoch, queue name, `after`. */
const RUN_OVERHEAD_BYTES = 512;
/** Segments saved within this time of each other may share a run, and with it the age of the first. */
const SHARED_AGE_MS = 1_000;

export interface BuiltPush {
  readonly runs: readonly Run[];
  readonly inFlight: InFlight;
}

/**
 * The next push: the highest lane first, each lane in save order, nothing of a lane that is held back.
 * `blockedOn` is a segment that has to be loaded before anything more can go.
 */
export function buildPush(
  state: OutboxState,
  draining: Draining,
  moment: Moment,
): { readonly push: BuiltPush | undefined; readonly blockedOn: PendingSegment | undefined } {
  const room = roomIn(state, draining);
  const builder: Builder = { state, draining, moment, room, runs: [], sent: [], messages: 0, bytes: 0 };
  let blockedOn: PendingSegment | undefined;
  for (const lane of lanesInOrder(state, moment)) {
    const end = addLane(builder, lane);
    if (end === 'empty') continue;
    if (end !== 'full') blockedOn = end;
    break;
  }
  for (const stream of draining.untold.keys()) addQuestion(builder, stream);
  if (builder.runs.length === 0) return { push: undefined, blockedOn };
  const inFlight: InFlight = {
    runs: builder.sent,
    messages: builder.messages,
    bytes: builder.bytes,
    pushedAt: moment.now,
  };
  return { push: { runs: builder.runs, inFlight }, blockedOn };
}

interface Builder {
  readonly state: OutboxState;
  readonly draining: Draining;
  readonly moment: Moment;
  readonly room: Room;
  readonly runs: Run[];
  readonly sent: SentRun[];
  messages: number;
  bytes: number;
}

interface Room {
  readonly messages: number;
  readonly bytes: number;
  /** What one push should hold: several fit into the window, so that answers come in turn. */
  readonly pushBytes: number;
  /** What the first message of a push may take, so that one larger than the window goes alone. */
  readonly firstBytes: number;
}

/** How much may go now. When nothing is in flight, one message of any size may. */
function roomIn(state: OutboxState, draining: Draining): Room {
  const { limits } = draining;
  const windowBytes = Math.min(limits.windowBytes, state.windowBytesMax, state.paceBytes);
  const bytes = windowBytes - draining.inFlightBytes;
  return {
    messages: limits.windowMessages - draining.inFlightMessages,
    bytes,
    pushBytes: Math.min(PUSH_BYTES, Math.max(PUSH_BYTES_MIN, windowBytes / 4)),
    firstBytes: draining.inFlight.length === 0 ? Number.POSITIVE_INFINITY : bytes,
  };
}

function lanesInOrder(state: OutboxState, moment: Moment): LaneQueue[] {
  const undecided = undecidedLanes(state);
  const ready: LaneQueue[] = [];
  for (const lane of state.lanes.values()) {
    if (lane.next < lane.segments.length && !isHeld(lane, undecided, moment)) ready.push(lane);
  }
  const position = (lane: LaneQueue): number => lane.segments[lane.next]?.key.position ?? 0;
  return ready.toSorted((a, b) => b.priority - a.priority || position(a) - position(b));
}

function undecidedLanes(state: OutboxState): ReadonlySet<LaneQueue> {
  const undecided = new Set<LaneQueue>();
  for (const stream of state.streams.values()) if (stream.held !== undefined) undecided.add(stream.lane);
  return undecided;
}

function isHeld(lane: LaneQueue, undecided: ReadonlySet<LaneQueue>, { now }: Moment): boolean {
  return undecided.has(lane) || (lane.heldUntil !== undefined && now < lane.heldUntil);
}

/** Adds what a lane has: to its end (`empty`), until the push is `full`, or up to a segment that is not loaded. */
function addLane(builder: Builder, lane: LaneQueue): PendingSegment | 'empty' | 'full' {
  for (;;) {
    if (isFull(builder)) return 'full';
    const segment = lane.segments[lane.next];
    if (segment === undefined) return 'empty';
    const from = Math.max(segment.key.first + lane.nextOffset, doneUpTo(builder.state, segment.stream) + 1);
    if (from > segment.last) {
      lane.next++;
      lane.nextOffset = 0;
      continue;
    }
    if (isPart(builder.state, segment)) {
      const added = addTransaction(builder, segment);
      if (added === 'added') continue;
      return added === 'not yet' ? 'empty' : added;
    }
    if (!isOffered(builder.state, segment)) return 'empty';
    if (segment.content === 'absent') return segment;
    if (isDue(segment, builder.moment.now)) return 'empty';
    if (!addRun(builder, lane, segment, from)) return 'full';
  }
}

/** Adds one run that begins with number `from` of `segment` and goes on through its neighbours. False when none fits. */
function addRun(builder: Builder, lane: LaneQueue, segment: PendingSegment, from: number): boolean {
  const { stream } = segment;
  const lost = lostUpTo(segment, from);
  if (lost !== undefined) return addLost(builder, lane, segment, from, lost);
  const reopenedUpTo = stream.reopened?.upTo ?? 0;
  const isAgain = from <= reopenedUpTo;
  const parts: Uint8Array[] = [];
  const skips: NonNullable<Run['skips']> = [];
  let next = from;
  let bytes = 0;
  const after = predecessorOf(lane, segment, from);
  while (lane.next < lane.segments.length) {
    const current = lane.segments[lane.next];
    if (current !== segment && current !== undefined && isPart(builder.state, current)) break;
    if (current?.stream !== stream || current.content === 'absent' || current.key.first > next) break;
    if (lostUpTo(current, next) !== undefined || (isAgain && current.key.first > reopenedUpTo)) break;
    if (!isOffered(builder.state, current) || isDue(current, builder.moment.now)) break;
    if (current.key.savedAt - segment.key.savedAt > SHARED_AGE_MS) break;
    const taken = takeEntries(builder, current, next, { bytes, count: next - from }, parts, skips);
    if (taken.count === 0) break;
    noteSent(builder.state, current);
    next += taken.count;
    bytes += taken.bytes;
    lane.nextOffset = next - current.key.first;
    if (next <= current.last) break;
    lane.next++;
    lane.nextOffset = 0;
  }
  const count = next - from;
  if (count === 0) return false;
  builder.runs.push({
    epoch: stream.key.epoch,
    queue: stream.key.queue,
    priority: stream.key.priority,
    first: from,
    acknowledged: stream.acknowledged,
    attempt: stream.attempt,
    ageMs: ageOf(builder.state, segment, builder.moment.now),
    ...(after === undefined ? {} : { after }),
    ...(isAgain ? { again: true } : {}),
    messages: concatenate(parts, bytes),
    ...(skips.length === 0 ? {} : { skips }),
  });
  builder.sent.push({ stream, last: next - 1, attempt: stream.attempt, acknowledged: stream.acknowledged });
  builder.messages += count;
  builder.bytes += bytes + RUN_OVERHEAD_BYTES;
  return true;
}

/** Adds a transaction in one piece, when all its lanes have come to it. */
function addTransaction(
  builder: Builder,
  segment: PendingSegment,
): PendingSegment | 'added' | 'not yet' | 'full' {
  const { state, moment, room, draining } = builder;
  const undecided = undecidedLanes(state);
  const parts = readyParts(
    state,
    segment,
    (lane) => isHeld(lane, undecided, moment),
    (part) => isDue(part, moment.now),
  );
  if (!isList(parts)) return parts;
  const bytes = parts.reduce((sum, { key }) => sum + key.bytes + RUN_OVERHEAD_BYTES, 0);
  const messages = parts.reduce((sum, { key }) => sum + key.count, 0);
  // One that is larger than the window goes alone.
  const isAlone = builder.runs.length === 0 && draining.inFlight.length === 0;
  const fits = builder.messages + messages <= room.messages && builder.bytes + bytes <= room.bytes;
  if (!isAlone && !(fits && builder.runs.length + parts.length <= LIMITS.pushRuns)) return 'full';
  const atomic = builder.runs.length + 1;
  for (const part of parts) addPart(builder, part, atomic);
  return 'added';
}

function isList(parts: ReturnType<typeof readyParts>): parts is readonly PendingSegment[] {
  return Array.isArray(parts);
}

function addPart(builder: Builder, segment: PendingSegment, atomic: number): void {
  const { stream, last, key } = segment;
  const { lane, acknowledged, attempt } = stream;
  const from = Math.max(key.first, doneUpTo(builder.state, stream) + 1);
  const after = predecessorOf(lane, segment, from);
  const parts: Uint8Array[] = [];
  const skips: NonNullable<Run['skips']> = [];
  const { bytes } = takeOneByOne(segment, from, WITHOUT_LIMIT, parts, skips);
  builder.runs.push({
    ...stream.key,
    first: from,
    acknowledged,
    attempt,
    ageMs: ageOf(builder.state, segment, builder.moment.now),
    ...(after === undefined ? {} : { after }),
    ...(from <= (stream.reopened?.upTo ?? 0) ? { again: true } : {}),
    atomic,
    messages: concatenate(parts, bytes),
    ...(skips.length === 0 ? {} : { skips }),
  });
  builder.sent.push({ stream, last, attempt, acknowledged, atomicFrom: from });
  builder.messages += last - from + 1;
  builder.bytes += bytes + RUN_OVERHEAD_BYTES;
  noteSent(builder.state, segment);
  lane.next++;
  lane.nextOffset = 0;
}

/**
 * Asks by an empty run for what the gateway has yet to tell of a stream, once what it has told is written down, unless a
 * run with messages asks for the same.
 */
function addQuestion(builder: Builder, stream: Stream): void {
  const { acknowledged, attempt, key } = stream;
  const isAsked = ({ runs }: { readonly runs: readonly SentRun[] }): boolean =>
    runs.some((run) => run.stream === stream && run.acknowledged === acknowledged);
  if (stream.held !== undefined || stream.answered > acknowledged) return;
  if (isAsked({ runs: builder.sent }) || builder.draining.inFlight.some(isAsked)) return;
  if (builder.runs.length >= LIMITS.pushRuns) return;
  const messages = new Uint8Array(0);
  builder.runs.push({ ...key, first: acknowledged + 1, acknowledged, attempt, ageMs: 0, messages });
  builder.sent.push({ stream, last: acknowledged, attempt, acknowledged });
  builder.bytes += RUN_OVERHEAD_BYTES;
}

/** Adds a run without messages that says which numbers are gone for good. */
function addLost(
  builder: Builder,
  lane: LaneQueue,
  segment: PendingSegment,
  from: number,
  last: number,
): boolean {
  const { stream } = segment;
  const { acknowledged, attempt, reopened } = stream;
  const after = predecessorOf(lane, segment, from);
  const generation = reopened?.generation;
  builder.runs.push({
    ...stream.key,
    first: last + 1,
    acknowledged,
    attempt,
    ageMs: 0,
    ...(after === undefined ? {} : { after }),
    lost: { first: from, ...(generation === undefined ? {} : { generation }) },
    messages: new Uint8Array(0),
  });
  builder.sent.push({ stream, last, attempt, acknowledged });
  builder.bytes += RUN_OVERHEAD_BYTES;
  lane.nextOffset = last + 1 - segment.key.first;
  return true;
}

/** Takes as many messages of a segment as fit, from number `from` on: the segment as it is stored, if all of it fits. */
function takeEntries(
  builder: Builder,
  segment: PendingSegment,
  from: number,
  run: { readonly bytes: number; readonly count: number },
  parts: Uint8Array[],
  skips: NonNullable<Run['skips']>,
): { readonly count: number; readonly bytes: number } {
  const { limits } = builder.draining;
  const countMax = Math.min(
    limits.runMessages - run.count,
    builder.room.messages - builder.messages - run.count,
  );
  const frameRoom = limits.frameBytes - builder.bytes - run.bytes - RUN_OVERHEAD_BYTES * 2;
  const isFirst = builder.messages + run.count === 0;
  const softRoom = Math.min(builder.room.pushBytes, builder.room.bytes) - builder.bytes - run.bytes;
  const firstRoom = isFirst ? builder.room.firstBytes : softRoom;
  const { content, stream } = segment;
  if (content === 'absent' || countMax <= 0) return { count: 0, bytes: 0 };
  const left = segment.last - from + 1;
  if (content instanceof Uint8Array && stream.refusedHere.size === 0 && left <= countMax) {
    const rest = left === segment.key.count ? content : sliceEntries(content, segment.key.count - left, left);
    if (rest.length <= softRoom) {
      parts.push(rest);
      return { count: left, bytes: rest.length };
    }
    // It goes whole with the next push, rather than in two pieces.
    if (!isFirst) return { count: 0, bytes: 0 };
  }
  return takeOneByOne(
    segment,
    from,
    { countMax, softRoom, firstRoom, frameRoom, isFirst, indexBase: run.count },
    parts,
    skips,
  );
}

interface EntryRoom {
  readonly countMax: number;
  /** What this push should hold. */
  readonly softRoom: number;
  /** What the first message may take, so that one larger than a usual push goes alone. */
  readonly firstRoom: number;
  /** What a frame can hold. */
  readonly frameRoom: number;
  readonly isFirst: boolean;
  readonly indexBase: number;
}

/** What is in one piece was measured before it was saved. */
const WITHOUT_LIMIT: EntryRoom = {
  countMax: Number.POSITIVE_INFINITY,
  softRoom: Number.POSITIVE_INFINITY,
  firstRoom: Number.POSITIVE_INFINITY,
  frameRoom: Number.POSITIVE_INFINITY,
  isFirst: false,
  indexBase: 0,
};

function takeOneByOne(
  segment: PendingSegment,
  from: number,
  room: EntryRoom,
  parts: Uint8Array[],
  skips: NonNullable<Run['skips']>,
): { readonly count: number; readonly bytes: number } {
  const { content, stream } = segment;
  const packed = content instanceof Uint8Array ? content : undefined;
  let offset = packed === undefined ? 0 : entryStart(packed, from - segment.key.first);
  let count = 0;
  let bytes = 0;
  for (let number = from; number <= segment.last && count < room.countMax; number++) {
    const end = packed === undefined ? offset : (entryEnd(packed, offset) ?? packed.length);
    const isFirst = room.isFirst && count === 0;
    const exceedsFrame = isFirst && end - offset > room.frameRoom;
    const code = refusalOf(stream, number, exceedsFrame) ?? (packed === undefined ? 'unreadable' : undefined);
    const cost = code === undefined ? end - offset : ENTRY_HEADER_BYTES;
    if (bytes + cost > Math.min(isFirst ? room.firstRoom : room.softRoom, room.frameRoom)) break;
    if (packed !== undefined && code === undefined) {
      parts.push(packed.subarray(offset, end));
    } else {
      parts.push(NO_ENTRY);
      const known = stream.skips.get(number)?.id ?? ZERO_ID;
      const id =
        packed === undefined ? known : messageIdOf(packed.subarray(offset + ENTRY_HEADER_BYTES, end));
      skips.push({ index: room.indexBase + count, id, code: code ?? 'unreadable' });
    }
    offset = end;
    count++;
    bytes += cost;
  }
  return { count, bytes };
}

/** Why a message cannot be pushed at all; undefined when it can. */
function refusalOf(stream: Stream, number: number, exceedsFrame: boolean): string | undefined {
  if (exceedsFrame) stream.refusedHere.set(number, 'too-large');
  return stream.refusedHere.get(number);
}

const NO_ENTRY = new Uint8Array(ENTRY_HEADER_BYTES);

/** The message before `from` in save order, where another epoch holds it and it is unanswered. */
function predecessorOf(lane: LaneQueue, segment: PendingSegment, from: number): Run['after'] {
  if (from > segment.key.first) return undefined;
  for (let index = lane.next - 1; index >= 0; index--) {
    const before = lane.segments[index];
    if (before === undefined || before.stream === segment.stream) return undefined;
    if (before.last > before.stream.answered) return { epoch: before.stream.key.epoch, number: before.last };
  }
  return undefined;
}

function isFull(builder: Builder): boolean {
  return (
    builder.bytes >= builder.room.pushBytes ||
    builder.bytes >= (builder.messages === 0 ? builder.room.firstBytes : builder.room.bytes) ||
    builder.messages >= builder.room.messages ||
    builder.runs.length >= LIMITS.pushRuns
  );
}

function concatenate(parts: readonly Uint8Array[], bytes: number): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(bytes);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}
