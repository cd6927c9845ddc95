import type { DeviceId, EpochId, GenerationId, MessageId, Session, StreamKey } from '@fieldpost/protocol';

/**
 * Where queues, streams and devices live. One store is one truth: what `transact` resolved with is durable, survives
 * power loss, and was written whole or not at all.
 *
 * Calls made while a commit is under way share the next one; their `decide`s run in the order of the calls. A `decide`
 * that throws undoes its own call only, and the call fails with what it threw.
 */
export interface GatewayStore {
  /** Changed when the store has gone back in time. */
  readonly generation: GenerationId;

  /**
   * Loads what `scope` names, lets `decide` look at it, writes the changes it returns, commits, and resolves with its
   * result: one serialisable transaction. `decide` is synchronous and touches nothing outside.
   */
  transact<Result>(scope: Scope, decide: (snapshot: Snapshot) => Decision<Result>): Promise<Result>;

  /**
   * Leases up to `max` visible messages, highest priority first, then in order of arrival. Durable when it resolves.
   * Fails with `queue-not-found`.
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
   * When the next message of `queue` that is invisible now (leased or delayed) becomes visible, in Unix milliseconds;
   * undefined when none is, or no queue has this name. For long polls.
   */
  nextVisibleAt(queue: string, now: number): Promise<number | undefined>;

  /** Writes a consistent copy to `file` while the store stays in use; fails when the file exists. */
  backup(file: string): Promise<void>;

  /** Finishes running commits, then closes. Later calls fail with `shutting-down`. */
  close(): Promise<void>;
}

/** What a transaction looks at. Locks are taken in key order. */
export interface Scope {
  readonly device?: DeviceId;
  readonly epochs?: readonly EpochId[];
  /** With each stream come its refusals and skips above `since`. */
  readonly streams?: readonly { readonly key: StreamKey; readonly since: number }[];
  /** Of each stream at most so many refusals and skips together, those with the lowest numbers; all when absent. */
  readonly fatesMax?: number;
  readonly queues?: readonly string[];
  /** Ids supplied by server-side producers. */
  readonly sends?: readonly { readonly queue: string; readonly id: MessageId }[];
}

export interface Snapshot {
  readonly device: DeviceRow | undefined;
  readonly epochs: ReadonlyMap<EpochId, EpochRow>;
  /** By `streamKeyText`. A stream never heard of is absent: it starts at 1. */
  readonly streams: ReadonlyMap<string, StreamRow>;
  readonly queues: ReadonlyMap<string, QueueRow>;
  /** By id; absent when no producer used it yet in that queue. */
  readonly sends: ReadonlyMap<MessageId, SendRow>;
}

/** A device and its session. Bound to a subject by its first hello. */
export interface DeviceRow {
  readonly device: DeviceId;
  readonly subject: string;
  readonly session: Session;
  readonly revoked: boolean;
  readonly client: string;
  readonly firstSeenAt: number;
  readonly lastSeenAt: number;
  /** As the device last announced it. */
  readonly waitingMessages: number;
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
}

export interface NumberedFate {
  readonly number: number;
  readonly id: MessageId;
  readonly code: string;
}

export interface QueueRow {
  readonly name: string;
  readonly maxBodyBytes: number;
  readonly createdAt: number;
}

/** What a server-side producer's id stands for. */
export interface SendRow {
  readonly id: MessageId;
  /** SHA-256 of queue, priority, properties and body. */
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
  | { readonly type: 'put-queue'; readonly row: QueueRow }
  /** Deletes a queue with its messages, leases and producers' ids; the streams that led to it keep their marks. */
  | {
      readonly type: 'delete-queue';
      readonly name: string;
      /** Fails the transaction with `queue-not-empty` when the queue holds messages, in whatever state. */
      readonly ifEmpty?: boolean;
    }
  | { readonly type: 'put-send'; readonly queue: string; readonly row: SendRow };

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
  /** How often it has been handed out. */
  readonly deliveryCount: number;
}

export interface ReceiveRequest {
  readonly queue: string;
  readonly max: number;
  /** Stops behind the message with which properties and bodies reach this many bytes; one message always fits. */
  readonly bytesMax?: number;
  readonly leaseMs: number;
  readonly now: number;
  /** One fresh unguessable text per lease, at least `max` of them. */
  readonly leaseTokens: readonly string[];
}

export interface LeasedMessage extends StoredMessage {
  /** Settles this one lease. Opaque. */
  readonly receipt: string;
  readonly leasedUntil: number;
}

export type Settlement =
  | { readonly type: 'ack'; readonly receipt: string }
  /** Gives the message back to its old place, visible after `delayMs`. */
  | { readonly type: 'nack'; readonly receipt: string; readonly delayMs: number }
  /** The lease now ends `leaseMs` from now. */
  | { readonly type: 'extend'; readonly receipt: string; readonly leaseMs: number }
  /** Gives the message back at once and does not count the delivery. */
  | { readonly type: 'release'; readonly receipt: string };

export interface SettleRequest {
  readonly queue: string;
  readonly settlements: readonly Settlement[];
  readonly now: number;
}

export interface SettleResult {
  readonly receipt: string;
  /** Undefined when it was done; else why not. */
  readonly code?: 'lease-lost';
  /** After an extend. */
  readonly leasedUntil?: number;
}

export interface PeekRequest {
  readonly queue: string;
  readonly cursor?: string;
  readonly limit: number;
  /** As for a receive; counts what is answered. */
  readonly bytesMax?: number;
  /** Without, every body is empty. */
  readonly bodies: boolean;
  readonly now: number;
}

export interface PeekPage {
  readonly messages: readonly (StoredMessage & { readonly state: 'ready' | 'leased' | 'delayed' })[];
  /** Undefined at the end of the queue. */
  readonly cursor?: string;
}

export interface QueueInfo extends QueueRow {
  /** Visible now. */
  readonly ready: number;
  readonly leased: number;
  /** Invisible until a retry delay has passed. */
  readonly delayed: number;
  /** Properties and bodies, of messages in every state. */
  readonly bytes: number;
  /** Unix milliseconds when the oldest message arrived. */
  readonly oldestArrivedAt?: number;
}
