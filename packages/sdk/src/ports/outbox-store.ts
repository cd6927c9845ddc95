import type { DeviceId, EpochId, GenerationId, MessageId, Session, StreamKey } from '@fieldpost/protocol';

/**
 * Where a device keeps what it has to send: a log of segments, and small records about it. Several tabs use one store at
 * once; each call is one transaction, so what a call reads and writes belongs together.
 *
 * What `save` and `settle` resolved with is on disk (strict durability) and survives power loss. A call that rejected
 * wrote nothing, except with code `storage-failed` and `outcome: 'unknown'`, where it may have: repeat it with the same
 * `write` and it is done once. A handle found dead is reopened and the call made once more before it rejects.
 */
export interface OutboxStore {
  /**
   * Opens or creates the database. Rejects with `storage-blocked`, `storage-failed`. A database that is deleted while
   * it is in use begins anew, and the next save finds no tail; when another one took its place, calls reject with
   * `storage-lost`: open again.
   */
  open(request: OpenRequest): Promise<OpenedOutbox>;

  /**
   * Draws numbers and saves segments. `decide` runs inside the write transaction, on the epoch's tail as it is there. It may
   * be called more than once and has no effects: what the last call decides is done.
   */
  save(epoch: EpochId, decide: (tail: EpochTail | undefined) => SaveDecision): Promise<SavedSegments>;

  /** What a draining tab starts from: streams, the last session, where the unsettled part of the log begins. */
  readLog(): Promise<LogState>;

  /** Segments after a log position, oldest first, up to `bytesMax` (but at least one, if there is one). */
  loadSegments(request: {
    readonly after: number;
    readonly bytesMax: number;
  }): Promise<readonly StoredSegment[]>;

  /**
   * Keys of every segment after a log position, oldest first, without reading bodies: for counting.
   */
  listSegments(request: { readonly after: number }): Promise<readonly SegmentKey[]>;

  /**
   * Writes what the gateway's answers say, in one transaction, if `holder` still holds the drain lease; otherwise
   * writes nothing and resolves with false.
   */
  settle(holder: string, settlement: Settlement): Promise<boolean>;

  /**
   * Says that everything at or before a position may have been sent, or may be soon: what was raised is on disk when this
   * resolves, what was lowered may be forgotten. Does so if `holder` still holds the drain lease. Tells the skips as this
   * transaction found them: a later cancel finds the new position.
   */
  offer(holder: string, offering: Offering): Promise<OfferResult>;

  /**
   * Takes a message back, with all of its transaction, in one transaction of the store: its number becomes a skip. For good
   * when it was never offered, and then its bytes are removed; else the gateway's answer decides.
   */
  cancel(place: MessagePlace): Promise<CancelResult>;

  /** What is known of numbers that became no message in their queue, for as long as their segments are kept. */
  listFates(ranges: readonly NumberRange[]): Promise<readonly SettledFate[]>;

  /**
   * Takes back what was settled, in one transaction, because the gateway has forgotten it: marks go down to what it holds, and
   * everything behind them in the log waits again. Does so if `holder` still holds the drain lease.
   */
  reopen(holder: string, reopening: Reopening): Promise<ReopenResult>;

  /**
   * Gives the device another id, if it still has this one: then it has no session any more. Resolves with the id that it has
   * afterwards.
   */
  renewDevice(request: { readonly from: DeviceId; readonly to: DeviceId }): Promise<DeviceId>;

  /**
   * Removes settled segments older or more than what is kept for `find` and for re-sending, from the beginning of the log.
   * Resolves with how many. An epoch that has nothing left and is as old may be forgotten, with its marks, unless one of
   * them was taken back.
   */
  trim(request: { readonly savedBefore: number; readonly keepBytes: number }): Promise<number>;

  /** Takes, renews or (with `until` 0) gives up the lease to drain. Resolves with who holds it afterwards. */
  lease(request: {
    readonly holder: string;
    readonly until: number;
    readonly now: number;
  }): Promise<DrainLease | undefined>;

  /**
   * The message of an id that is still in the log or the dead-letter list, whatever its state. Where the copy in the log is
   * damaged, only an id that was supplied finds it, if it stands alone in its segment: then without the message.
   */
  find(id: MessageId): Promise<FoundMessage | undefined>;

  /** Messages set aside: refused, expired, unreadable, in doubt. In the order of being set aside. */
  listDeadLetters(): Promise<readonly DeadLetter[]>;

  /** Forgets a dead letter. Resolves with whether it was there. */
  discardDeadLetter(id: MessageId): Promise<boolean>;

  /** Closes the handle after running transactions. Later calls reject with `closed`. */
  close(): Promise<void>;
}

export interface OpenRequest {
  /** The device id to write into a database that has none. */
  readonly device: DeviceId;
  /** The device id of the marker outside the database; undefined when there is no marker. */
  readonly marker: DeviceId | undefined;
}

export interface OpenedOutbox {
  readonly device: DeviceId;
  /**
   * `created`: a new database. `opened`: the one the marker speaks of, by its id or one that it had before, or one without a
   * marker. `lost`: the marker speaks
   * of a database that is gone or is another one; a new one was made when there was none.
   */
  readonly condition: 'created' | 'opened' | 'lost';
}

/** The numbers an epoch has used, as its last committed save left them. */
export interface EpochTail {
  readonly epoch: EpochId;
  /** By lane text (`laneText`): the last number drawn. */
  readonly lanes: Readonly<Record<string, number>>;
  /** The latest writes, newest last: a repeated one is found here and not done again. */
  readonly writes: readonly RecentWrite[];
}

export interface RecentWrite {
  /** A UUID of one save. */
  readonly write: string;
  readonly segments: readonly SegmentKey[];
}

/** Queue and priority: messages of one lane keep their save order across epochs. */
export interface Lane {
  readonly queue: string;
  readonly priority: number;
}

export type SaveDecision =
  /** Write these, and the tail that goes with them. The store draws the log positions. */
  | { readonly type: 'write'; readonly write: string; readonly segments: readonly NewSegment[] }
  /** The same write was committed before: nothing to do. */
  | { readonly type: 'found'; readonly segments: readonly SegmentKey[] }
  /** Abort: the disk has gone back behind what this tab saw committed. */
  | { readonly type: 'rolled-back' };

/** Consecutive messages of one stream, packed as they travel. */
export interface NewSegment {
  readonly stream: StreamKey;
  readonly first: number;
  readonly count: number;
  /** Length-prefixed messages. */
  readonly messages: Uint8Array;
  /** Unix milliseconds of the device. */
  readonly savedAt: number;
  /** Ids that the caller supplied: a save that holds one already known resolves as `repeated` and writes nothing. */
  readonly suppliedIds?: readonly MessageId[];
  /** The shortest time of its messages to reach their queue or to live. Milliseconds; absent when none has any. */
  readonly expiresInMs?: number;
  /** Which of the segments of a transaction it is, and how many there are; their positions follow each other. */
  readonly part?: TransactionPart;
}

export interface TransactionPart {
  /** From 0. */
  readonly index: number;
  readonly parts: number;
}

export interface SavedSegments {
  /** With `repeated` and `rolled-back` nothing was written. */
  readonly outcome: 'written' | 'found' | 'repeated' | 'rolled-back';
  readonly segments: readonly SegmentKey[];
  /** With `repeated`: which of the supplied ids are in the log or the dead-letter list already. */
  readonly repeated?: readonly MessageId[];
}

/** What the key of a segment tells: enough to count it, and to skip its numbers when its content cannot be read. */
export interface SegmentKey {
  /** The place in the log: save order over all tabs. */
  readonly position: number;
  readonly stream: StreamKey;
  readonly first: number;
  readonly count: number;
  /** The length of `messages` as they were saved. */
  readonly bytes: number;
  /** Unix milliseconds of the device. */
  readonly savedAt: number;
  /** The shortest time of its messages to reach their queue or to live. Milliseconds; absent when none has any. */
  readonly expiresInMs?: number;
  /** Which of the segments of a transaction it is, and how many there are; their positions follow each other. */
  readonly part?: TransactionPart;
}

export interface StoredSegment extends SegmentKey {
  /**
   * Undefined when the record is damaged: it failed to read, or its checksum differs. Of messages that were taken back or have
   * expired only the ids are left.
   */
  readonly messages: Uint8Array | undefined;
}

export interface LogState {
  readonly device: DeviceId | undefined;
  readonly streams: readonly StreamMark[];
  /** Of streams that were taken back: numbers that had been refused or skipped. */
  readonly fates: readonly SettledFate[];
  /** Every segment at or before this position is settled. */
  readonly settledUpTo: number;
  /** What is at or before this position may have been sent. */
  readonly offered: number;
  /** Numbers that go to the gateway as skips, and whose answers are not written down. */
  readonly skips: readonly Skip[];
  readonly session: Session | undefined;
  readonly generation: GenerationId | undefined;
  /** How often marks were taken back: who knows another count has to read everything anew. */
  readonly reopenings: number;
  /** Oldest first. */
  readonly contacts: readonly Contact[];
}

/** A welcome of the gateway: what was saved before it, and what after it. */
export interface Contact {
  /** Everything at or before this position was in the log. */
  readonly upTo: number;
  /** The gateway's clock, in Unix milliseconds. */
  readonly timeMs: number;
}

/** How far the gateway's answers for a stream have been written down. */
export interface StreamMark {
  readonly stream: StreamKey;
  readonly acknowledged: number;
  readonly acknowledgedId: MessageId;
  /** Set while messages above `acknowledged` wait that were acknowledged before the gateway's store went back in time. */
  readonly reopened?: Reopened;
}

export interface Reopened {
  /** The highest number that was ever acknowledged. */
  readonly upTo: number;
  /** Under which generation; undefined when that is not known. */
  readonly generation: GenerationId | undefined;
}

/** A number that became no message in the queue, and why. */
export interface SettledFate {
  readonly stream: StreamKey;
  readonly number: number;
  readonly code: string;
}

/** A number that goes to the gateway as a skip, until its answer is written down. */
export interface Skip extends SettledFate {
  readonly id: MessageId;
  /** Whether the message was certainly never sent; else the gateway's answer says whether it was in time. */
  readonly isFinal: boolean;
}

export interface MessagePlace {
  readonly stream: StreamKey;
  readonly number: number;
}

/** Numbers of a stream, both ends included. */
export interface NumberRange {
  readonly stream: StreamKey;
  readonly first: number;
  readonly last: number;
}

export interface Offering {
  readonly upTo: number;
  /** Whether this is more than before: only that has to survive power loss. */
  readonly isRaised: boolean;
}

export interface OfferResult {
  /** False when another tab has the lease: then nothing was written. */
  readonly held: boolean;
  readonly skips: readonly Skip[];
}

/**
 * - `cancelled`: for good; `skips` are the numbers concerned.
 * - `asked`: the message may have been sent. It goes as a skip from now on, and the gateway's answer decides.
 * - `settled`: too late; `code` says what became of it where that is not its queue.
 */
export type CancelResult =
  | { readonly outcome: 'cancelled' | 'asked'; readonly skips: readonly Skip[] }
  | { readonly outcome: 'settled'; readonly code: string | undefined };

/** What the gateway's store holds, where that is less than what it had acknowledged. */
export interface Reopening {
  readonly streams: readonly ReopenedStream[];
  readonly session: Session;
  readonly generation: GenerationId;
}

export interface ReopenedStream {
  readonly stream: StreamKey;
  readonly accepted: number;
  /** Undefined when nothing is accepted. */
  readonly acceptedId: MessageId | undefined;
  /** Numbers up to `accepted` that are missing there: the mark goes down before those of them that the log still has. */
  readonly lost: readonly { readonly first: number; readonly last: number }[];
}

export interface ReopenResult {
  /** False when another tab has the lease: then nothing was written. */
  readonly held: boolean;
  /** How many marks went down. */
  readonly reopened: number;
}

export interface Settlement {
  readonly marks?: readonly StreamMark[];
  readonly deadLetters?: readonly DeadLetter[];
  /** What became of numbers that leave no dead letter. */
  readonly fates?: readonly SettledFate[];
  /** Messages that have expired, never sent: of their segments only the ids stay, their dead letters have the rest. */
  readonly expired?: readonly Skip[];
  readonly settledUpTo?: number;
  readonly session?: Session;
  readonly generation?: GenerationId;
  readonly contacts?: readonly Contact[];
}

export interface DrainLease {
  readonly holder: string;
  /** Unix milliseconds of the device. A clock that jumps can only make two tabs drain, never lose or double. */
  readonly until: number;
}

/** A message that will not be delivered, kept with its bytes until the app decides. */
export interface DeadLetter {
  readonly id: MessageId;
  readonly stream: StreamKey;
  readonly number: number;
  /**
   * `refused` by the gateway; `expired`, here or there; `unreadable` here; `in-doubt`: whether the gateway has it is not
   * known.
   */
  readonly state: 'refused' | 'expired' | 'unreadable' | 'in-doubt';
  readonly code: string;
  /** The message as it was saved; undefined when it is damaged. */
  readonly message: Uint8Array | undefined;
  readonly savedAt: number;
  readonly setAsideAt: number;
}

export interface FoundMessage {
  readonly stream: StreamKey;
  readonly number: number;
  readonly savedAt: number;
  readonly message: Uint8Array | undefined;
  /** Whether its number is at or below the stream's acknowledged one. */
  readonly acknowledged: boolean;
  /** What became of it, where that is not its queue. */
  readonly code?: string | undefined;
  readonly deadLetter: DeadLetter | undefined;
}
