import type { DeviceId, EpochId, GenerationId, MessageId, Session, StreamKey } from '@fieldpost/protocol';
import type {
  JobRow,
  JobStep,
  JobStepRequest,
  LeasedMessage,
  NewJob,
  PeekPage,
  PeekRequest,
  QueueInfo,
  ReceiveRequest,
  SettleRequest,
  SettleResult,
  SweepResult,
} from './queue-calls.ts';

export type * from './queue-calls.ts';

/**
 * Where queues, streams and devices live. One store is one truth: what `transact` resolved with is durable, survives
 * power loss, and was written whole or not at all.
 *
 * Calls made while a commit is under way share the next one; their `decide`s run in the order of the calls. A `decide`
 * that throws undoes its own call only, and the call fails with what it threw.
 */
export interface GatewayStore {
  /** Changed when the store has gone back in time. As the last commit left it. */
  readonly generation: GenerationId;

  /**
   * Loads what `scope` names, lets `decide` look at it, writes the changes it returns, commits, and resolves with its
   * result: one serialisable transaction. `decide` is synchronous and touches nothing outside.
   */
  transact<Result>(scope: Scope, decide: (snapshot: Snapshot) => Decision<Result>): Promise<Result>;

  /**
   * Leases up to `max` visible messages, in queue order. Durable when it resolves. Nothing is visible in a queue that is
   * paused for receiving. Fails with `queue-not-found`.
   */
  receive(request: ReceiveRequest): Promise<readonly LeasedMessage[]>;

  /**
   * Settles receipts; a result for each, in order. An old receipt gets `lease-lost` and changes nothing: a lease ends at
   * `leasedUntil` whether or not another took the message since, and with the queue that held it.
   */
  settle(request: SettleRequest): Promise<readonly SettleResult[]>;

  /**
   * Looks at messages without leasing them, in queue order from `cursor`; stays correct while others remove. Fails with
   * `queue-not-found`, or `invalid-request` for a cursor that no peek answered with.
   */
  peek(request: PeekRequest): Promise<PeekPage>;

  /** All queues with their counts, by name. */
  listQueues(now: number): Promise<readonly QueueInfo[]>;
  getQueue(name: string, now: number): Promise<QueueInfo | undefined>;

  /**
   * Ends what has run out by `now`: times to live, and last leases. The other calls leave none of it to be seen; this
   * one frees its space when nobody calls. At most a batch each time; `isMore` says that there is more to do now.
   * The first one of an opening, and one whose `now` is before that of the last, also ends every lease, and every pause
   * behind a delivery, that is longer than anybody can ask for: it began under a clock that was ahead.
   */
  sweep(now: number): Promise<SweepResult>;

  /**
   * Begins to purge, move or redrive what a queue holds now; what arrives later is no concern of the job. Fails with
   * `queue-not-found`, for the target as well.
   */
  startJob(job: NewJob): Promise<JobRow>;

  /**
   * Looks at the next `max` messages of a job and does with them what the job is for, in one transaction. A queue that is
   * full takes none: then nothing is done. Undefined when no running job has this id.
   */
  stepJob(request: JobStepRequest): Promise<JobStep | undefined>;

  /** Ends a job where it is; undefined when there is none. One that has ended stays as it is. */
  cancelJob(id: string, now: number): Promise<JobRow | undefined>;

  /** All running jobs, and the latest of those that have ended. */
  listJobs(): Promise<readonly JobRow[]>;

  /**
   * When the next message of `queue` that is invisible now (leased or delayed) becomes visible, in Unix milliseconds;
   * undefined when none is, or no queue has this name. For long polls.
   */
  nextVisibleAt(queue: string, now: number): Promise<number | undefined>;

  /**
   * Ranges of numbers that no device had any more when the store had gone back in time: stream by stream in an order that
   * stays, those of one stream by number. Fails with `invalid-request` for a cursor that no such call answered with.
   */
  listLost(request: LostRequest): Promise<LostPage>;

  /** Devices by id, from behind `after` on. */
  listDevices(request: { readonly after?: DeviceId; readonly limit: number }): Promise<readonly DeviceRow[]>;

  /**
   * Retires epochs that were closed before a time: leaves a tombstone of each, and removes its marks, refusals, skips and
   * lost ranges. An epoch is retired at once and its rows go bit by bit: one call writes at most about `rowsMax` of them.
   */
  retireEpochs(request: RetireRequest): Promise<RetireResult>;

  /**
   * Forgets ids of server-side producers that were first used before `before` (Unix milliseconds), the oldest first and at
   * most `max`. Resolves with how many. A producer that uses such an id again sends another message.
   */
  pruneSends(before: number, max: number): Promise<number>;

  /**
   * Forgets notices of fates before `before` (Unix milliseconds), the oldest first and at most `max`: their devices did not
   * come for them. Resolves with how many.
   */
  pruneNotices(before: number, max: number): Promise<number>;

  /**
   * Has `listener` called with devices that may have got notices of fates, once these are durable. A hint: it may be missed
   * where several gateways share a store, and what there is tells a transaction.
   *
   * @returns the way to stop
   */
  watchNotices(listener: (devices: ReadonlySet<DeviceId>) => void): () => void;

  /** Writes a consistent copy to `file` while the store stays in use; fails when the file exists. */
  backup(file: string): Promise<void>;

  /** Finishes running commits, then closes. Later calls fail with `shutting-down`. */
  close(): Promise<void>;
}

export interface LostRequest {
  /** Where the page before ended. */
  readonly cursor?: string;
  readonly limit: number;
}

export interface LostPage {
  readonly ranges: readonly LostRecord[];
  /** Undefined at the end. Opaque, and stays correct while ranges come and go. */
  readonly cursor?: string;
}

export interface RetireRequest {
  /** Unix milliseconds. */
  readonly closedBefore: number;
  readonly rowsMax: number;
}

export interface RetireResult {
  /** Epochs retired by this call. */
  readonly epochs: number;
  /** Nothing is left to do for now. */
  readonly isDone: boolean;
}

/** What a transaction looks at. Locks are taken in key order. */
export interface Scope {
  readonly device?: DeviceId;
  readonly epochs?: readonly EpochId[];
  /** With each stream come its refusals and skips above `since`. */
  readonly streams?: readonly { readonly key: StreamKey; readonly since: number }[];
  /** Of each stream at most so many refusals and skips together, those with the lowest numbers; all when absent. */
  readonly fatesMax?: number;
  /** With each queue come those that its rules lead to. */
  readonly queues?: readonly string[];
  /**
   * With the device come its notices of fates, at most `max` of them and the lowest numbers first: those behind `after`, or
   * all that are kept when no notice is kept there with that id.
   */
  readonly notices?: { readonly after?: NoticeCursor; readonly max: number };
  /** Ids supplied by server-side producers. */
  readonly sends?: readonly { readonly queue: string; readonly id: MessageId }[];
  readonly leases?: {
    /** Unix milliseconds: a lease that has ended by then is none. */
    readonly now: number;
    /** Of queues and of subqueues. */
    readonly receipts: readonly { readonly queue: string; readonly receipt: string }[];
  };
}

export interface Snapshot {
  readonly generations: Generations;
  readonly device: DeviceRow | undefined;
  readonly epochs: ReadonlyMap<EpochId, EpochRow>;
  /** Of the epochs in the scope those that are retired: what they held is forgotten. */
  readonly retired: ReadonlySet<EpochId>;
  /** By `streamKeyText`. A stream never heard of is absent: it starts at 1. */
  readonly streams: ReadonlyMap<string, StreamRow>;
  readonly queues: ReadonlyMap<string, QueueRow>;
  /** Of the queues in scope that have a quota. */
  readonly usage: ReadonlyMap<string, QueueUsage>;
  /** By `sendKeyText`; absent when no producer used the id yet in that queue. */
  readonly sends: ReadonlyMap<string, SendRow>;
  /** By `leaseKeyText`; absent when the receipt is of no live lease. */
  readonly leases: ReadonlyMap<string, LiveLease>;
  /** When the scope asks for them. */
  readonly notices?: DeviceNotices;
}

/** A place in the notices of a device: that one, and all before it. */
export interface NoticeCursor {
  readonly number: number;
  /** Of the message that the notice is of. */
  readonly id: MessageId;
}

/** What a device has not confirmed to have heard yet. */
export interface DeviceNotices {
  /** The notice at the cursor is kept: what follows is behind it. Else these are the first that are kept. */
  readonly isKnown: boolean;
  readonly rows: readonly FateNotice[];
  readonly hasMore: boolean;
}

/** What became of a message, for the device that sent it and asked. Written in the transaction in which the message ended. */
export interface FateNotice {
  /** Counted up by one for each notice of the device, in the order of the commits, for ever. */
  readonly number: number;
  readonly id: MessageId;
  readonly code: string;
  /** Given by the consumer that rejected it. */
  readonly reason?: string;
  /** Unix milliseconds. */
  readonly endedAt: number;
}

/** What a consumer has in hand. */
export interface LiveLease {
  /** Properties and body of its message. */
  readonly bytes: number;
}

/** Which store this is, and which ones it was. */
export interface Generations {
  readonly current: GenerationId;
  /** Those that devices may still know it by, in the order in which they became so. */
  readonly former: ReadonlySet<GenerationId>;
  /**
   * The opening in which a `change-generation` made the one in force; absent when none did. While that opening lasts, the
   * store cannot have gone back behind this generation.
   */
  readonly mintedIn?: string;
  /**
   * Names this opening of the store. Whoever puts an older copy in its place has to open it anew, so a session that was
   * greeted in another opening has to be greeted again before more is taken of it.
   */
  readonly opening: string;
}

/** A device and its session. Bound to a subject by its first hello. */
export interface DeviceRow {
  readonly device: DeviceId;
  readonly subject: string;
  readonly session: Session;
  /** The opening of the store in which the session began. */
  readonly opening: string;
  readonly revoked: boolean;
  readonly client: string;
  readonly firstSeenAt: number;
  readonly lastSeenAt: number;
  /** As the device last announced it. */
  readonly waitingMessages: number;
  /** The session that the hello of the session in force named as its last one; undefined when it named none. */
  readonly parentSession?: Session;
  /** How often a hello named a session that nothing explains but a copy of the device's data, or a restored one. */
  readonly forks: number;
  /** Unix milliseconds of the last such hello. */
  readonly forkedAt?: number;
}

/** An epoch and the subject that may use it. */
export interface EpochRow {
  readonly epoch: EpochId;
  readonly subject: string;
  /** Unix milliseconds of the close that started its retention. */
  readonly closedAt?: number;
}

/** The high-water mark of a stream, with what below it is not in the queue. */
export interface StreamRow {
  readonly accepted: number;
  readonly acceptedId: MessageId;
  readonly refusals: readonly NumberedFate[];
  readonly skips: readonly NumberedFate[];
  /** There are more than `fatesMax`: what is here is complete up to the highest number in it. */
  readonly hasMoreFates?: true;
  /** Ranges up to `accepted` that no device had any more when the store had gone back in time, by number; absent without any. */
  readonly lost?: readonly LostRange[];
}

/** Numbers that were acknowledged before the store went back in time, and that nobody has sent again. */
export interface LostRange {
  readonly first: number;
  readonly last: number;
  /** The device that said so. */
  readonly device: DeviceId;
  /** Unix milliseconds. */
  readonly recordedAt: number;
}

export interface LostRecord extends LostRange {
  readonly stream: StreamKey;
}

export interface NumberedFate {
  readonly number: number;
  readonly id: MessageId;
  readonly code: string;
}

export interface QueueRow extends QueueSettings {
  /** Of a queue, or of a subqueue, whose settings are its queue's. */
  readonly name: string;
  readonly createdAt: number;
}

export interface QueueSettings {
  readonly maxBodyBytes: number;
  /** Deliveries after which a message that nobody acknowledged is a dead letter. */
  readonly maxDeliveries: number;
  /** How long a message waits after its n-th failed delivery; the last one again and again. */
  readonly retryDelaysMs: readonly number[];
  /** Whether messages that end unconsumed are kept as dead letters. */
  readonly deadLetter: boolean;
  /** `fifo`: in order of arrival, whatever the priority. */
  readonly ordering: 'priority' | 'fifo';
  /** Of the queue with its subqueues; concerns arrivals only. */
  readonly quotaMessages?: number;
  /** Properties and bodies. */
  readonly quotaBytes?: number;
  /** Whether copies of removed messages are kept, and for how long. The journal holds as much as the quota, by itself. */
  readonly journal: boolean;
  readonly journalRetentionMs: number;
  /** A JSON Schema that bodies have to match, as JSON text. */
  readonly schema?: string;
  /** Looked at for each message that is sent to the queue, in this order. */
  readonly rules: readonly QueueRule[];
  readonly receivingPaused: boolean;
  readonly sendingPaused: boolean;
}

/** Sends arriving messages on to another queue. */
export interface QueueRule {
  readonly name: string;
  /** A condition in the Common Expression Language; every message meets one that is not there. */
  readonly when?: string;
  /** `forward`: the message goes there instead; `copy`: as well. */
  readonly action: 'forward' | 'copy';
  readonly to: string;
}

/** What a queue with its subqueues holds, its journal aside. */
export interface QueueUsage {
  readonly messages: number;
  readonly bytes: number;
}

/** What a server-side producer's id stands for. A transaction has one as well, in the first queue that it settles in. */
export interface SendRow {
  readonly id: MessageId;
  /** SHA-256 of queue, priority, properties and body; of a transaction, of all that it settles and sends. */
  readonly contentHash: Uint8Array;
  readonly sentAt: number;
}

export interface Decision<Result> {
  readonly changes: readonly Change[];
  readonly result: Result;
}

/** What a transaction writes. */
export type Change =
  | { readonly type: 'put-device'; readonly row: DeviceRow }
  | { readonly type: 'put-epoch'; readonly row: EpochRow }
  /** Appends to the end of a queue, in this order; fails the transaction with `queue-not-found`. */
  | { readonly type: 'append'; readonly queue: string; readonly messages: readonly NewMessage[] }
  /** Compare-and-set of a stream's high-water mark: fails the transaction with `conflict` when it is not at `from`. */
  | {
      readonly type: 'advance';
      readonly stream: StreamKey;
      readonly from: number;
      readonly to: number;
      readonly id: MessageId;
    }
  | { readonly type: 'refuse'; readonly stream: StreamKey; readonly fate: NumberedFate }
  | { readonly type: 'skip'; readonly stream: StreamKey; readonly fate: NumberedFate }
  | { readonly type: 'put-lost'; readonly stream: StreamKey; readonly range: LostRange }
  /** Forgets the lost range that begins with this number. */
  | { readonly type: 'remove-lost'; readonly stream: StreamKey; readonly first: number }
  /**
   * The store is another one from now on, by a generation minted in this opening. The one so far becomes a former one: who
   * knows the store by it has something to look up.
   */
  | { readonly type: 'change-generation'; readonly generation: GenerationId }
  /** Adds a generation that devices know as the latest of the former ones; one that is there stays in its place. */
  | { readonly type: 'put-former'; readonly generation: GenerationId }
  | { readonly type: 'remove-former'; readonly generation: GenerationId }
  | { readonly type: 'put-queue'; readonly row: QueueRow }
  /**
   * Deletes a queue with its messages, leases and producers' ids; the streams that led to it keep their marks. Notices of
   * its messages' fates may come a little later, each with the removal of its message.
   */
  | {
      readonly type: 'delete-queue';
      readonly name: string;
      /** Fails the transaction with `queue-not-empty` when the queue holds messages, in whatever state. */
      readonly ifEmpty?: boolean;
      /** Unix milliseconds. */
      readonly at: number;
    }
  | { readonly type: 'put-send'; readonly queue: string; readonly row: SendRow }
  /** The device has heard of these fates: forgets the notices up to this number. */
  | { readonly type: 'confirm-notices'; readonly device: DeviceId; readonly upTo: number }
  /**
   * Settles leases as `settle` does, but all or none: fails the transaction with `lease-lost` when one of the receipts
   * is of no live lease. Stands behind all other changes of its transaction.
   */
  | { readonly type: 'settle'; readonly requests: readonly SettleRequest[] };

/** A message on its way into a queue. Byte arrays are stored as they are. */
export interface NewMessage {
  readonly id: Uint8Array;
  readonly properties: Uint8Array;
  readonly body: Uint8Array;
  readonly priority: number;
  /** Unix milliseconds of the gateway when `send()` was called, from the run's age. */
  readonly sentAt: number;
  readonly arrivedAt: number;
  /** Absent for server-side producers. */
  readonly origin?: MessageOrigin;
  readonly terms?: DeliveryTerms;
  /** Where it came by, when rules sent it on. */
  readonly story?: MessageStory;
}

/** What a message asks of its queue. Times in Unix milliseconds. */
export interface DeliveryTerms {
  /** Nobody sees it before. */
  readonly visibleAt?: number;
  /** Ended then, unless it was acknowledged. */
  readonly expiresAt?: number;
  /** Of the messages of one group only one is visible or leased: the first, until it has left the queue. */
  readonly groupId?: string;
  /** The device that sent it hears what becomes of it, by a {@link FateNotice}. Of no meaning without an origin. */
  readonly tellsFate?: true;
}

/** The identity of a message that a device sent. */
export interface MessageOrigin {
  readonly device: DeviceId;
  readonly epoch: EpochId;
  readonly number: number;
}

export interface StoredMessage {
  readonly id: MessageId;
  readonly properties: Uint8Array;
  readonly body: Uint8Array;
  readonly priority: number;
  readonly sentAt: number;
  readonly arrivedAt: number;
  readonly origin?: MessageOrigin;
  /** How often it has been handed out in this queue. */
  readonly deliveryCount: number;
  /** Where it was before, if it was moved or sent on. */
  readonly story?: MessageStory;
}

/** What happened to a message in the queues that it has left. */
export interface MessageStory {
  /** How often it was handed out there. */
  readonly deliveries: number;
  /** Oldest first; the oldest but the first are forgotten when there are many. */
  readonly entries: readonly StoryEntry[];
}

export interface StoryEntry {
  readonly queue: string;
  /** Why it left: the code of a dead letter or of a journal's copy, how an operator moved it, or what a rule did. */
  readonly code: string;
  /** Given by the consumer that rejected it. */
  readonly reason?: string;
  /** Unix milliseconds. */
  readonly at: number;
  /** How often it was handed out in that queue. */
  readonly deliveries: number;
}
