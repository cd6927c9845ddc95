import {
  type Ack,
  type DeviceId,
  type EpochId,
  type Fenced,
  type GenerationId,
  LIMITS,
  type MessageId,
  type StallCode,
  type StreamKey,
  streamKeyText,
  type StreamState,
  uuidFromBytes,
} from '@fieldpost/protocol';
import type { Grants } from '../ports/authenticator.ts';
import type { BodySchemas } from '../ports/body-schemas.ts';
import type { Conditions } from '../ports/conditions.ts';
import type {
  Change,
  Decision,
  EpochRow,
  LostRange,
  LostRecord,
  NewMessage,
  NumberedFate,
  QueueRow,
  Snapshot,
} from '../ports/gateway-store.ts';
import { ArrivalList } from './arrival-list.ts';
import { fitsSchema } from './fits-schema.ts';
import { hasGoneBackSince, noticeGoingBack } from './going-back.ts';
import { lostRangeOf, toldLost, withoutNumbers } from './lost-ranges.ts';
import { allows } from './permissions.ts';
import { isHeldByQueue, QueueRoom } from './queue-room.ts';
import { newQueueRow } from './queue-settings.ts';
import { idOfEntry, readEntry, Refusal } from './read-entry.ts';
import { piecesOf, predecessorKey, type ReadPush, type ReadRun } from './read-push.ts';
import { RETIRED } from './retired.ts';
import { routeArrival, type RuleProblem, type RuleWorld } from './route-arrival.ts';
import { fenceUnlessInForce } from './session-check.ts';
import { streamsGoneBack } from './streams-gone-back.ts';
import { ToldFates } from './told-fates.ts';

/**
 * The rules by which the gateway takes messages of devices ("Accepting" in `docs/protocol/v1.md`): with `accepted` the
 * high-water mark of a stream, number `accepted + 1` is taken, a lower one is a duplicate, a higher one a gap. Marks,
 * messages, refusals and skips are changes of one transaction, in which the session is checked as well.
 */
export interface AcceptContext {
  readonly device: DeviceId;
  /** Whom the token speaks for, and what it allows, at this moment. */
  readonly subject: string;
  readonly grants: Grants;
  /** Unix milliseconds. */
  readonly now: number;
  /** The highest attempt seen of each stream in this session, by `streamKeyText`. */
  readonly attempts: ReadonlyMap<string, number>;
  /** A generation that nobody has used, in case that one is needed. */
  readonly freshGeneration: GenerationId;
  /** How many refusals and skips of each stream the answer tells, as in the scope; by default what one answer may tell. */
  readonly fatesMax?: number;
  /** Given when a message to an unknown queue creates it (development mode). */
  readonly createQueue?: { readonly maxBodyBytes: number };
  /** Has to be given where queues can have rules. */
  readonly conditions?: Conditions;
  readonly schemas?: BodySchemas;
}

export type AcceptResult =
  | {
      readonly reply: Fenced;
      /** Streams of which the device was told more than the store holds: the store went back in time. */
      readonly wentBack?: readonly StreamKey[];
    }
  | {
      readonly reply: Ack;
      readonly counts: AcceptCounts;
      /** Queues that got messages. */
      readonly arrivals: ReadonlySet<string>;
      /** Numbers that no device has any more since the store went back in time. */
      readonly lost: readonly LostRecord[];
      /** Rules that could not be followed. */
      readonly ruleProblems: readonly RuleProblem[];
    };

interface AcceptCounts {
  accepted: number;
  duplicates: number;
  refused: number;
  skipped: number;
  /** Of lost ranges: numbers that turned up again. */
  filled: number;
  /** Entries not looked at: behind a gap, before their predecessor, of an old attempt, or of a stalled stream. */
  passedOver: number;
}

/** Decides on a whole push. */
export function decideAccept(
  snapshot: Snapshot,
  push: ReadPush,
  context: AcceptContext,
): Decision<AcceptResult> {
  const fenced = fenceUnlessInForce(
    snapshot.device,
    context.subject,
    push.session,
    snapshot.generations.opening,
  );
  if (fenced !== undefined) return { changes: [], result: { reply: fenced } };
  const wentBack = streamsGoneBack(snapshot, push, context.subject);
  if (wentBack.length > 0) return refuseOlderStore(snapshot, context, push, wentBack);
  const work = startWork(snapshot, context);
  for (const piece of piecesOf(push.runs)) {
    const [run] = piece;
    if (run?.atomic !== undefined) acceptTransaction(work, piece);
    else if (run !== undefined) acceptRun(work, run);
  }
  return finishWork(work);
}

/**
 * Takes nothing: what the store has forgotten was saved before this push, and has to come before it. The device learns from
 * the welcome to its next hello what that is.
 */
function refuseOlderStore(
  snapshot: Snapshot,
  context: AcceptContext,
  push: ReadPush,
  wentBack: readonly StreamKey[],
): Decision<AcceptResult> {
  // The session is in force, so it was welcomed in this opening: under the generation in force, or the one before it.
  const told = snapshot.generations.current;
  const { changes } = noticeGoingBack(snapshot.generations, told, true, context.freshGeneration);
  const reply: Fenced = { type: 'fenced', reason: 'went-back', session: push.session };
  return { changes, result: { reply, wentBack } };
}

/** What is known of a stream while a push is decided on: the stored state and what this push adds. */
interface Lane {
  readonly key: StreamKey;
  readonly from: number;
  accepted: number;
  acceptedId: MessageId | undefined;
  attempt: number;
  since: number;
  readonly told: ToldFates;
  lost: readonly LostRange[];
  stall: { readonly code: StallCode; readonly retryAfterMs: number } | undefined;
}

interface Work {
  readonly snapshot: Snapshot;
  readonly context: AcceptContext;
  readonly lanes: Map<string, Lane>;
  readonly epochs: Map<EpochId, EpochRow>;
  readonly queues: Map<string, QueueRow>;
  readonly changes: Change[];
  readonly counts: AcceptCounts;
  readonly arrivals: Set<string>;
  readonly room: QueueRoom;
  readonly lost: LostRecord[];
  readonly rules: RuleWorld;
}

function startWork(snapshot: Snapshot, context: AcceptContext): Work {
  const queues = new Map(snapshot.queues);
  return {
    snapshot,
    context,
    lanes: new Map(),
    epochs: new Map(snapshot.epochs),
    queues,
    changes: [],
    counts: { accepted: 0, duplicates: 0, refused: 0, skipped: 0, filled: 0, passedOver: 0 },
    arrivals: new Set(),
    room: new QueueRoom(snapshot.usage),
    lost: [],
    rules: { queues, conditions: context.conditions, problems: [] },
  };
}

function acceptRun(work: Work, run: ReadRun): void {
  const lane = laneOf(work, run);
  const { counts } = work;
  // An old attempt was on its way when the device rewound; what it holds comes again behind it.
  const isOld = run.attempt < lane.attempt;
  lane.attempt = Math.max(lane.attempt, run.attempt);
  const start = lane.accepted + 1 - run.first;
  if (isOld || lane.stall !== undefined || (start < 0 && !isLostBefore(work, lane, run))) {
    counts.passedOver += run.entries.length;
    return;
  }
  const old = Math.min(Math.max(start, 0), run.entries.length);
  const filled = lane.lost.length === 0 ? 0 : fillLost(work, lane, run, old);
  counts.duplicates += old - filled;
  if (lane.stall !== undefined) return;
  if (start >= run.entries.length && start >= 0) return;
  if (!isPredecessorIn(work, run)) {
    counts.passedOver += run.entries.length - old;
    return;
  }
  if (start < 0) takeLost(work, lane, run);
  takeEntries(work, lane, run, old);
}

/**
 * Takes all runs of a transaction or none, and lets nobody see a part: one that is refused for good takes its numbers in every
 * stream, one that has to wait holds all its streams back.
 */
function acceptTransaction(work: Work, runs: readonly ReadRun[]): void {
  const parts = runs.map((run) => ({ run, lane: laneOf(work, run) }));
  const isOld = parts.some(({ run, lane }) => run.attempt < lane.attempt);
  for (const { run, lane } of parts) lane.attempt = Math.max(lane.attempt, run.attempt);
  const isBarred = parts.some(
    ({ run, lane }) =>
      lane.stall !== undefined || run.first > lane.accepted + 1 || !isPredecessorIn(work, run),
  );
  if (isOld || isBarred) {
    for (const { run } of parts) work.counts.passedOver += run.entries.length;
    const held = parts.find(({ lane }) => lane.stall !== undefined && isHeldByQueue(lane.stall.code))?.lane
      .stall;
    if (held !== undefined) for (const { lane } of parts) lane.stall ??= held;
    return;
  }
  const news = parts.map(({ run, lane }) => ({ run, lane, start: lane.accepted + 1 - run.first }));
  for (const { run, lane, start } of news) {
    const old = Math.min(start, run.entries.length);
    const filled = lane.lost.length === 0 ? 0 : fillLost(work, lane, run, old);
    work.counts.duplicates += old - filled;
  }
  const trial = tryOut(work, news);
  if (trial.isRefused) for (const part of news) refuseEntries(work, part);
  else if (trial.stall === undefined)
    for (const { run, lane, start } of news) takeEntries(work, lane, run, start);
  else
    for (const { run, lane, start } of news) {
      lane.stall = trial.stall;
      work.counts.passedOver += Math.max(0, run.entries.length - start);
    }
}

interface NewEntries {
  readonly run: ReadRun;
  readonly lane: Lane;
  /** The index of the first entry that is not yet accepted. */
  readonly start: number;
}

/** What would become of the entries, found out on a copy of all that it changes. */
function tryOut(work: Work, news: readonly NewEntries[]): { isRefused: boolean; stall: Lane['stall'] } {
  const queues = new Map(work.queues);
  const trial: Work = {
    ...work,
    epochs: new Map(work.epochs),
    queues,
    changes: [],
    counts: { ...work.counts, refused: 0 },
    arrivals: new Set(),
    room: work.room.fork(),
    rules: { ...work.rules, queues, problems: [] },
  };
  let stall: Lane['stall'];
  let skips = 0;
  let messages = 0;
  for (const { run, lane, start } of news) {
    const copy: Lane = {
      ...lane,
      told: new ToldFates(undefined, Number.POSITIVE_INFINITY),
      stall: undefined,
    };
    takeEntries(trial, copy, run, start);
    stall ??= copy.stall;
    for (let index = start; index < run.entries.length; index++) {
      if (run.skips.has(index)) skips++;
      else messages++;
    }
  }
  // What one of them has become, such as unreadable, all become.
  return { isRefused: trial.counts.refused > 0 || (skips > 0 && messages > 0), stall };
}

function refuseEntries(work: Work, { run, lane, start }: NewEntries): void {
  if (start < run.entries.length) useEpoch(work, run.stream.epoch);
  for (let index = start; index < run.entries.length; index++) {
    const number = run.first + index;
    const skip = run.skips.get(index);
    if (skip !== undefined) takeFate(work, lane, 'skip', { number, id: skip.id, code: skip.code });
    else {
      const id = idOfEntry(run.entries[index] ?? NO_BYTES);
      takeFate(work, lane, 'refuse', { number, id, code: 'transaction-refused' });
    }
  }
}

/** Whether the numbers between the mark and the run are known to be gone for good. */
function isLostBefore(work: Work, lane: Lane, { lost }: ReadRun): boolean {
  if (lost === undefined || lost.first > lane.accepted + 1) return false;
  return hasGoneBackSince(work.snapshot.generations, lost.generation);
}

/** Takes the numbers up to the run as lost: they are recorded, and filled once if they turn up. */
function takeLost(work: Work, lane: Lane, run: ReadRun): void {
  useEpoch(work, run.stream.epoch);
  const { device, now } = work.context;
  const range: LostRange = { first: lane.accepted + 1, last: run.first - 1, device, recordedAt: now };
  lane.lost = [...lane.lost, range];
  lane.accepted = range.last;
  lane.acceptedId = NO_ID;
  work.lost.push({ ...range, stream: lane.key });
  work.changes.push({ type: 'put-lost', stream: lane.key, range });
}

/** Takes those of the run's first `count` entries, all of old numbers, that are recorded as lost. Returns how many. */
function fillLost(work: Work, lane: Lane, run: ReadRun, count: number): number {
  let filled = 0;
  for (let index = 0; index < count; index++) {
    const number = run.first + index;
    const range = lostRangeOf(lane.lost, number);
    if (range === undefined) continue;
    // They are settled late and aside; the stream's mark stays where it is.
    const stretch = Math.min(range.last - number + 1, count - index);
    const told = new ToldFates(undefined, Number.POSITIVE_INFINITY);
    const aside: Lane = { ...lane, accepted: number - 1, told };
    takeEntries(work, aside, run, index, index + stretch);
    lane.told.addLate(told);
    lane.stall = aside.stall;
    const taken = aside.accepted - number + 1;
    if (taken === 0) break;
    const left = withoutNumbers(range, number, aside.accepted);
    work.changes.push({ type: 'remove-lost', stream: lane.key, first: range.first });
    for (const part of left) work.changes.push({ type: 'put-lost', stream: lane.key, range: part });
    lane.lost = lane.lost.flatMap((known) => (known === range ? left : [known]));
    filled += taken;
    index += taken - 1;
    if (lane.stall !== undefined) break;
  }
  work.counts.filled += filled;
  return filled;
}

/** Takes the entries from index `start` on: every one of them takes its number, whatever becomes of it. */
function takeEntries(work: Work, lane: Lane, run: ReadRun, start: number, end = run.entries.length): void {
  if (start >= end) return;
  useEpoch(work, run.stream.epoch);
  const queue = queueFor(work, run.stream.queue);
  const arrivals = new ArrivalList();
  const sentAt = Math.max(0, work.context.now - run.ageMs);
  let last: NewMessage | undefined;
  for (let index = start; index < end; index++) {
    const number = run.first + index;
    const skip = run.skips.get(index);
    if (skip !== undefined) {
      takeFate(work, lane, 'skip', { number, id: skip.id, code: skip.code });
      continue;
    }
    const entry = run.entries[index] ?? NO_BYTES;
    const times = { sentAt, arrivedAt: work.context.now };
    if (queue instanceof Refusal) {
      takeFate(work, lane, 'refuse', { number, id: idOfEntry(entry), code: queue.code });
      continue;
    }
    const parts = readEntry(entry, queue, { ...times, run }, last);
    const isMismatch = !(parts instanceof Refusal) && !fitsSchema(queue, parts.body, work.context.schemas);
    const read = isMismatch ? new Refusal('schema-mismatch') : parts;
    if (read instanceof Refusal) {
      takeFate(work, lane, 'refuse', { number, id: idOfEntry(entry), code: read.code });
      continue;
    }
    const origin = { device: work.context.device, epoch: run.stream.epoch, number };
    const message = { ...read, ...times, priority: run.stream.priority, origin };
    const arrived = routeArrival(queue, message, work.rules);
    lane.stall = work.room.takeAll(arrived);
    if (lane.stall !== undefined) {
      work.counts.passedOver += end - index;
      break;
    }
    arrivals.add(arrived);
    last = message;
    lane.accepted = number;
    lane.acceptedId = undefined;
  }
  if (last === undefined) return;
  // Set only here: making a text of each id would cost more than all else in the loop.
  lane.acceptedId ??= uuidFromBytes(last.id) as MessageId;
  work.counts.accepted += arrivals.messages;
  for (const change of arrivals.changes()) {
    work.arrivals.add(change.queue);
    work.changes.push(change);
  }
}

function takeFate(work: Work, lane: Lane, type: 'refuse' | 'skip', fate: NumberedFate): void {
  lane.accepted = fate.number;
  lane.acceptedId = fate.id;
  lane.told.add(type, fate);
  work.counts[type === 'refuse' ? 'refused' : 'skipped']++;
  work.changes.push({ type, stream: lane.key, fate });
}

function laneOf(work: Work, run: ReadRun): Lane {
  const known = work.lanes.get(run.streamText);
  if (known !== undefined) {
    known.since = Math.min(known.since, run.acknowledged);
    return known;
  }
  const epoch = work.epochs.get(run.stream.epoch);
  const isForeign = epoch !== undefined && epoch.subject !== work.context.subject;
  // Of another subject's stream nothing is told, not even how far it is.
  const isRetired = work.snapshot.retired.has(run.stream.epoch);
  const row = isForeign || isRetired ? undefined : work.snapshot.streams.get(run.streamText);
  const accepted = row?.accepted ?? 0;
  const lane: Lane = {
    key: run.stream,
    from: accepted,
    accepted,
    acceptedId: row?.acceptedId,
    attempt: work.context.attempts.get(run.streamText) ?? run.attempt,
    since: run.acknowledged,
    told: new ToldFates(row, work.context.fatesMax ?? LIMITS.fatesTold),
    lost: row?.lost ?? [],
    stall: isForeign
      ? { code: 'access-denied', retryAfterMs: FOREIGN_RETRY_MS }
      : isRetired
        ? RETIRED
        : undefined,
  };
  work.lanes.set(run.streamText, lane);
  return lane;
}

/** Whether the message before the run in save order is settled, seen from within this transaction. */
function isPredecessorIn(work: Work, run: ReadRun): boolean {
  if (run.after === undefined) return true;
  const text = streamKeyText(predecessorKey(run, run.after.epoch));
  const accepted = work.lanes.get(text)?.accepted ?? work.snapshot.streams.get(text)?.accepted ?? 0;
  return accepted >= run.after.number;
}

/** Binds an unknown epoch to its subject, and reopens a closed one: a frozen tab may wake after weeks. */
function useEpoch(work: Work, epoch: EpochId): void {
  const known = work.epochs.get(epoch);
  if (known !== undefined && known.closedAt === undefined) return;
  const row: EpochRow = { epoch, subject: work.context.subject };
  work.epochs.set(epoch, row);
  work.changes.push({ type: 'put-epoch', row });
}

function queueFor(work: Work, name: string): QueueRow | Refusal {
  const { context } = work;
  // Before the existence is looked at: who may not send learns nothing of what exists.
  if (!allows(context.grants, 'send', name)) return new Refusal('access-denied');
  const known = work.queues.get(name);
  if (known !== undefined) return known;
  if (context.createQueue === undefined || name.startsWith(SYSTEM_PREFIX))
    return new Refusal('queue-not-found');
  const row = newQueueRow(name, context.now, context.createQueue);
  work.queues.set(name, row);
  work.changes.push({ type: 'put-queue', row });
  return row;
}

function finishWork(work: Work): Decision<AcceptResult> {
  const streams: StreamState[] = [];
  for (const lane of work.lanes.values()) {
    if (lane.accepted > lane.from && lane.acceptedId !== undefined) {
      work.changes.push({
        type: 'advance',
        stream: lane.key,
        from: lane.from,
        to: lane.accepted,
        id: lane.acceptedId,
      });
    }
    streams.push(stateOf(lane));
  }
  const { counts, arrivals, lost, changes } = work;
  const reply: Ack = { type: 'ack', streams };
  return { changes, result: { reply, counts, arrivals, lost, ruleProblems: work.rules.problems } };
}

function stateOf(lane: Lane): StreamState {
  return {
    ...lane.key,
    attempt: lane.attempt,
    since: lane.since,
    ...lane.told.state(lane.accepted, lane.acceptedId),
    ...toldLost(lane.lost),
    ...(lane.stall === undefined ? {} : { stall: lane.stall }),
  };
}

/** Names that start so belong to the gateway itself. */
const SYSTEM_PREFIX = 'sys.';
/** Under a lost number nobody knows which message it was. */
const NO_ID = uuidFromBytes(new Uint8Array(16)) as MessageId;
const NO_BYTES = new Uint8Array(0);
/** Another subject's epoch does not change hands: asking again is of little use. */
const FOREIGN_RETRY_MS = 60_000;
