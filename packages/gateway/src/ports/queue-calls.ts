import type { MessageId } from '@fieldpost/protocol';
import type { QueueRow, StoredMessage } from './gateway-store.ts';

// What is asked of queues and answered by them: requests and results of the calls of a GatewayStore.

export interface ReceiveRequest {
  readonly queue: string;
  readonly max: number;
  /** Stops behind the message with which properties and bodies reach this many bytes; one message always fits. */
  readonly bytesMax?: number;
  readonly leaseMs: number;
  readonly now: number;
  /** One fresh unguessable text per lease, at least `max` of them. */
  readonly leaseTokens: readonly string[];
  /** Who leases: the subject of a token. */
  readonly consumer?: string;
}

export interface LeasedMessage extends StoredMessage {
  /** Settles this one lease. Opaque. */
  readonly receipt: string;
  readonly leasedUntil: number;
}

export type Settlement =
  | { readonly type: 'ack'; readonly receipt: string }
  /** Gives the message back to its old place, visible after `delayMs` or the queue's delay; the last time, ends it. */
  | { readonly type: 'nack'; readonly receipt: string; readonly delayMs?: number }
  /** Ends the message: it will not be consumed. */
  | { readonly type: 'reject'; readonly receipt: string; readonly reason?: string }
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
  /** After a nack or a reject that ended the message: why it is a dead letter now, or gone. */
  readonly ended?: string;
  /** The message belonged to a group and has left the queue: the next one of the group has its turn. */
  readonly isGroupNext?: true;
}

export interface NewJob {
  readonly id: string;
  readonly kind: 'purge' | 'move' | 'redrive';
  readonly queue: string;
  /** Of a move; of a redrive only where messages shall not go back to the queues that they came from. */
  readonly target?: string;
  readonly filter: JobFilter;
  /** Messages for each second; as fast as it goes when absent. */
  readonly ratePerSecond?: number;
  readonly now: number;
}

/** Which messages a job is for; every member that is there has to fit. */
export interface JobFilter {
  readonly ids?: readonly MessageId[];
  /** Why the message left the queue before: of dead letters their code. */
  readonly code?: string;
  readonly label?: string;
  readonly correlationId?: string;
  readonly groupId?: string;
  readonly priority?: number;
  /** Unix milliseconds. */
  readonly arrivedBefore?: number;
  /** The job ends when it has done so many. */
  readonly max?: number;
}

export interface JobRow extends Omit<NewJob, 'now'> {
  readonly state: 'running' | 'done' | 'cancelled' | 'failed';
  /** Why it failed. */
  readonly code?: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Messages looked at, and those purged, moved or redriven. */
  readonly looked: number;
  readonly done: number;
  /** Where it goes on; the store's own. */
  readonly position: string;
}

export interface JobStepRequest {
  readonly id: string;
  readonly max: number;
  readonly now: number;
}

export interface JobStep {
  readonly job: JobRow;
  /** Messages done in this step. */
  readonly done: number;
  /** Queues in which messages arrived. */
  readonly arrivals: readonly string[];
  /** A queue that messages go to is full. */
  readonly isHeldBack: boolean;
}

export interface SweepResult {
  /** How many messages ended, by queue. */
  readonly ended: ReadonlyMap<string, number>;
  /** How many messages were removed without a copy since the last sweep, because the journal is full; by queue. */
  readonly unjournaled: ReadonlyMap<string, number>;
  readonly isMore: boolean;
}

export interface PeekRequest {
  readonly queue: string;
  readonly cursor?: string;
  readonly limit: number;
  /** As for a receive; counts what is answered. */
  readonly bytesMax?: number;
  /** Without, every body is empty. */
  readonly bodies: boolean;
  /** Answers only what matches; looks at no more than `scanMax` messages, and the cursor goes on behind them. */
  readonly match?: MessageMatch;
  readonly scanMax?: number;
  readonly now: number;
}

/** What a message has to be; every member that is there has to fit. */
export interface MessageMatch {
  readonly id?: MessageId;
  readonly correlationId?: string;
}

/** `blocked`: behind another message of its group. */
export type MessageState = 'ready' | 'leased' | 'delayed' | 'blocked';

export interface PeekedMessage extends StoredMessage {
  readonly state: MessageState;
  /** The lease that it is under, or that ran out last; absent once it was given back. */
  readonly lastLease?: {
    /** The subject of the consumer. */
    readonly consumer: string;
    /** Unix milliseconds; when it ended, if it was not settled before. */
    readonly until: number;
  };
}

export interface PeekPage {
  readonly messages: readonly PeekedMessage[];
  /** Undefined at the end of the queue. */
  readonly cursor?: string;
}

export interface QueueInfo extends QueueRow {
  /** Visible now. */
  readonly ready: number;
  readonly leased: number;
  /** Invisible until a delay has passed. */
  readonly delayed: number;
  /** Behind another message of their group. */
  readonly blocked: number;
  /** Properties and bodies, of messages in every state. */
  readonly bytes: number;
  /** Unix milliseconds when the oldest message arrived. */
  readonly oldestArrivedAt?: number;
}
