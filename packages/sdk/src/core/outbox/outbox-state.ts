import type {
  EpochId,
  Instant,
  MessageId,
  Run,
  Session,
  StreamKey,
  StreamState as Answer,
} from '@fieldpost/protocol';
import type {
  Contact,
  DeadLetter,
  LogState,
  SegmentKey,
  SettledFate,
  Settlement,
  Skip,
  StoredSegment,
  StreamMark,
} from '../../ports/outbox-store.ts';

/**
 * What one tab knows of the log, and what it does to empty it.
 *
 * Every tab follows the log (`opened`, `listed`, `saved`), so that it can count; the one that leads
 * and is welcomed also drains: it pushes runs, hears answers, has them settled in the store, and only then forgets.
 *
 * Invariants:
 * - `acknowledged` of a stream is what the store holds; `answered ≥ acknowledged` is what the gateway said.
 * - A message is forgotten here only after the settlement that covers it was written.
 * - Within a lane nothing is pushed before everything saved earlier was pushed on this connection or answered.
 * - What is in flight stays within the window, except one push that is larger than it by itself.
 *
 * The state is changed in place: at ten thousand waiting segments a copy for each answer would cost more than the
 * answer. Nothing outside `step` holds on to it.
 */
export interface OutboxState {
  readonly streams: Map<string, Stream>;
  readonly lanes: Map<string, LaneQueue>;
  /** By log position: every segment not wholly settled. */
  readonly segments: Map<number, PendingSegment>;
  /** Every segment at or below this position has been listed or saved here. */
  knownUpTo: number;
  /** A listing is under way; another is needed after it. */
  listing: 'no' | 'running' | 'again' | 'failed';
  listingsBegun: number;
  /** The last listing that came back, by the count of those begun. */
  listingsDone: number;
  settledUpTo: number;
  /** Of the last welcome. */
  generation: LogState['generation'];
  /** As the log that was read last counts them. */
  reopenings: number;
  /** Welcomes so far, as far back as something waits that was saved around them. */
  contacts: readonly Contact[];
  /** Whether this tab holds the lease, as far as it knows. */
  isLeading: boolean;
  readonly offering: OfferingState;
  /** Segments with messages that can expire. */
  readonly timed: Set<PendingSegment>;
  /** When the first of these is due to be looked at. */
  expiryAt: Instant | undefined;
  /** The gateway's clock at the last welcome, in Unix milliseconds, and when that was. */
  gatewayTime: { readonly timeMs: number; readonly at: Instant } | undefined;
  /** The connection on which runs may be pushed now. */
  draining: Draining | undefined;
  /** The number of a running load, or none. */
  loading: number | undefined;
  loads: number;
  loadedBytes: number;
  /** Positions that a load did not bring: read the marks again before believing that they are gone. */
  readonly missing: Set<number>;
  readonly settling: SettlingState;
  /** After a read that failed: not before this. */
  readRetryAt: Instant | undefined;
  readFailures: number;
  /**
   * So many bytes are in flight at most, as far as the line has shown what it carries: what waits too long inside a slow
   * one keeps heartbeats waiting, too, and the connection is given up for dead.
   */
  paceBytes: number;
  /** After a 413: at most so many bytes in flight; a message that is larger goes alone. */
  windowBytesMax: number;
  /** Messages not settled, and the size of the segments that hold any. */
  waitingMessages: number;
  waitingBytes: number;
  /** Of those messages, how many will certainly never be sent. */
  finalSkips: number;
}

/**
 * What is stored as offered: nothing behind it is sent before that is raised. Whoever takes a message back looks there to
 * say whether it can have been sent.
 */
interface OfferingState {
  /** As this tab wrote it last, or found it when it began to lead. */
  upTo: number;
  /** Whether it was read since this tab leads. */
  isKnown: boolean;
  /** The last position that was really sent, by this tab or, as far as is known, an earlier one. */
  sentUpTo: number;
  /** A position that has to be offered before anything more can go. */
  wanted: number | undefined;
  running: { readonly upTo: number } | undefined;
  retryAt: Instant | undefined;
  failures: number;
  /** Since when nothing was sent. */
  quietSince: Instant | undefined;
}

/** The messages of one epoch, queue and priority. */
export interface Stream {
  readonly key: StreamKey;
  readonly text: string;
  readonly lane: LaneQueue;
  acknowledged: number;
  answered: number;
  answeredId: MessageId | undefined;
  attempt: number;
  /** Pending segments, by number. */
  segments: PendingSegment[];
  /** An answer that waits until the segments it speaks of are loaded. */
  held: Answer | undefined;
  /**
   * The listing that must have come back before an answer is taken that speaks of numbers unknown here: another tab saved
   * them and another tab pushed them. Taken at once, a refused one among them would count as delivered.
   */
  heldUntilListing: number | undefined;
  /** Fates of numbers above `acknowledged` that are not yet settled. */
  readonly setAside: Map<number, DeadLetter>;
  /** Of those that leave no dead letter, or have left one already: the codes. */
  readonly takenBack: Map<number, string>;
  /** Numbers that go as skips, and the code for it. */
  readonly refusedHere: Map<number, string>;
  /** Those of them that the store knows. */
  readonly skips: Map<number, Skip>;
  /** Set while messages wait again that were acknowledged before the gateway's store went back in time. */
  reopened: StreamMark['reopened'];
  /** Numbers of these that had been refused or skipped: the app has heard of them. */
  readonly knownFates: Set<number>;
}

/** Queue and priority, over all epochs, in save order. */
export interface LaneQueue {
  readonly text: string;
  readonly queue: string;
  readonly priority: number;
  segments: PendingSegment[];
  /** The first segment that still has something to push, and how many of its messages were pushed. */
  next: number;
  nextOffset: number;
  heldUntil: Instant | undefined;
  /** Rewinds since the last progress. */
  rewinds: number;
}

export interface PendingSegment {
  readonly key: SegmentKey;
  readonly stream: Stream;
  readonly last: number;
  content: Uint8Array | 'absent' | 'damaged';
  /** Numbers that stand in no segment: these are gone, or their key is damaged. */
  readonly isHole: boolean;
  /** When this tab first saw it. */
  readonly seenAt: Instant;
  /** The shortest time of its messages that have not expired; undefined when none is left that can. Milliseconds. */
  expiresInMs: number | undefined;
  /** When that has run out. */
  dueAt: Instant | undefined;
  /** None of its messages will ever be sent. */
  isVoid: boolean;
}

export interface Draining {
  readonly limits: PushLimits;
  /** Pushes not yet answered, oldest first. */
  readonly inFlight: InFlight[];
  inFlightBytes: number;
  inFlightMessages: number;
  /** The gateway takes nothing for the moment. */
  isPaused: boolean;
  /** Pushes answered on this connection. */
  answers: number;
  /** When the connection last made progress; undefined when nothing is in flight. */
  progressAt: Instant | undefined;
  /**
   * Streams that the gateway has settled further than it has told, and how far: these numbers need not go again, and
   * what became of them is asked for as `acknowledged` rises.
   */
  readonly untold: Map<Stream, number>;
}

interface PushLimits {
  readonly frameBytes: number;
  readonly runMessages: number;
  readonly windowMessages: number;
  readonly windowBytes: number;
}

export interface InFlight {
  readonly pushedAt: Instant;
  readonly runs: readonly SentRun[];
  readonly messages: number;
  readonly bytes: number;
}

export interface SentRun {
  readonly stream: Stream;
  readonly last: number;
  readonly attempt: number;
  readonly acknowledged: number;
  /** The first number of a run that is a part of a transaction. */
  readonly atomicFrom?: number;
}

interface SettlingState {
  /** The settlement being written. */
  running: Settlement | undefined;
  readonly dirty: Set<Stream>;
  /** What goes with the next settlement beside marks. */
  session: Session | undefined;
  generation: LogState['generation'];
  contacts: readonly Contact[] | undefined;
  /** Messages that have expired and were never sent, to be set aside. */
  expired: ExpiredMessage[];
  /** Those of the settlement being written. */
  runningExpired: readonly ExpiredMessage[];
  failures: number;
  retryAt: Instant | undefined;
}

export type OutboxEvent =
  /** The store was read: at the start, and whenever this tab must know what others wrote. */
  | {
      readonly type: 'opened';
      readonly log: LogState;
      readonly keys: readonly SegmentKey[];
      /** Whether nothing was written since that this tab has to know. */
      readonly isFresh: boolean;
    }
  /** This tab took the lease, or lost it. */
  | { readonly type: 'led'; readonly isLeading: boolean }
  /** The app took messages back. */
  | { readonly type: 'takenBack'; readonly skips: readonly Skip[] }
  | { readonly type: 'offered'; readonly held: boolean; readonly skips: readonly Skip[] }
  | { readonly type: 'offerFailed' }
  /** What stands in the log after a position. */
  | { readonly type: 'listed'; readonly after: number; readonly keys: readonly SegmentKey[] }
  /** This tab saved; the contents in the order of the keys. */
  | { readonly type: 'saved'; readonly keys: readonly SegmentKey[]; readonly contents: readonly Uint8Array[] }
  /** Another tab may have saved. */
  | { readonly type: 'savedElsewhere' }
  | { readonly type: 'listFailed' }
  | {
      readonly type: 'loaded';
      readonly load: number;
      readonly after: number;
      readonly segments: readonly StoredSegment[];
    }
  | { readonly type: 'loadFailed'; readonly load: number }
  | {
      readonly type: 'welcomed';
      readonly limits: PushLimits;
      readonly session: Session;
      readonly generation: NonNullable<LogState['generation']>;
      readonly serverTimeMs: number;
      readonly streams: readonly Answer[];
    }
  | { readonly type: 'acknowledged'; readonly streams: readonly Answer[] }
  | { readonly type: 'disconnected'; readonly tooLarge: boolean }
  /** The gateway takes nothing on this connection until `resumed`; what is in flight may be lost. */
  | { readonly type: 'paused' }
  | { readonly type: 'resumed' }
  | { readonly type: 'settled'; readonly held: boolean }
  | { readonly type: 'settleFailed' }
  /** What the gateway answered so far is not to be written down any more: it has forgotten it. */
  | { readonly type: 'answersVoid' }
  | { readonly type: 'deadlineReached' };

interface ExpiredMessage {
  readonly letter: DeadLetter;
  readonly skip: Skip;
}

export type OutboxEffect =
  | { readonly type: 'push'; readonly runs: readonly Run[] }
  | { readonly type: 'load'; readonly load: number; readonly after: number; readonly bytesMax: number }
  | { readonly type: 'list'; readonly after: number }
  /** Read streams and keys again: a segment is gone that should be there. */
  | { readonly type: 'reopen' }
  | { readonly type: 'settle'; readonly settlement: Settlement }
  /** Written down: those who wait may be told. */
  | {
      readonly type: 'announce';
      readonly marks: readonly StreamMark[];
      /** All that were set aside at or below the marks; undefined when another tab settled, and the store knows. */
      readonly deadLetters: readonly DeadLetter[] | undefined;
      /** Numbers that are in no queue, settled or not. */
      readonly fates: readonly SettledFate[];
    }
  /** Say how far the log is offered. */
  | { readonly type: 'offer'; readonly upTo: number; readonly isRaised: boolean }
  /** The gateway knows another message under a number of this epoch: number nothing more in it. */
  | { readonly type: 'endEpoch'; readonly epoch: EpochId }
  /** The store would not settle: another tab has the lease. */
  | { readonly type: 'leaseLost' };

/** What is sent before the first answer tells how fast the line is. */
const PACE_FIRST_BYTES = 1024 * 1024;

export function createOutbox(): OutboxState {
  return {
    streams: new Map(),
    lanes: new Map(),
    segments: new Map(),
    knownUpTo: 0,
    listing: 'no',
    listingsBegun: 0,
    listingsDone: 0,
    settledUpTo: 0,
    isLeading: false,
    offering: {
      upTo: 0,
      isKnown: false,
      sentUpTo: 0,
      wanted: undefined,
      running: undefined,
      retryAt: undefined,
      failures: 0,
      quietSince: undefined,
    },
    timed: new Set(),
    expiryAt: undefined,
    gatewayTime: undefined,
    generation: undefined,
    reopenings: 0,
    contacts: [],
    draining: undefined,
    loading: undefined,
    loads: 0,
    loadedBytes: 0,
    missing: new Set(),
    settling: {
      running: undefined,
      dirty: new Set(),
      session: undefined,
      generation: undefined,
      contacts: undefined,
      expired: [],
      runningExpired: [],
      failures: 0,
      retryAt: undefined,
    },
    readRetryAt: undefined,
    readFailures: 0,
    paceBytes: PACE_FIRST_BYTES,
    windowBytesMax: Number.POSITIVE_INFINITY,
    waitingMessages: 0,
    waitingBytes: 0,
    finalSkips: 0,
  };
}
