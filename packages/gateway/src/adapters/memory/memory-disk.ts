import {
  type DeviceId,
  type EpochId,
  type GenerationId,
  LIMITS,
  type MessageId,
  type StreamKey,
} from '@fieldpost/protocol';
import { NEVER } from '../../core/never.ts';
import type {
  DeviceRow,
  EpochRow,
  FateNotice,
  JobRow,
  LostRange,
  MessageOrigin,
  MessageStory,
  NumberedFate,
  QueueRow,
  SendRow,
} from '../../ports/gateway-store.ts';

/**
 * What a memory store keeps, apart from the store itself: it outlives a store that was closed or killed, as a file
 * would, and the next store opened on it finds everything there.
 */
export interface MemoryDisk {
  generation: GenerationId;
  /** The latest last. */
  readonly formerGenerations: Set<GenerationId>;
  /** The opening in which the generation was minted. */
  mintedIn: string | undefined;
  readonly devices: Map<DeviceId, DeviceRow>;
  readonly epochs: Map<EpochId, EpochRow>;
  readonly retired: Set<EpochId>;
  /** By `streamKeyText`. */
  readonly streams: Map<string, MemoryStream>;
  readonly queues: Map<string, MemoryQueue>;
  readonly jobs: Map<string, JobRow>;
  /** Messages that ended without a copy, by queue, until they are told. */
  readonly unjournaled: Map<string, number>;
  readonly notices: Map<DeviceId, MemoryNotices>;
  /** Devices that got notices and were not announced yet. */
  readonly noticed: Set<DeviceId>;
  /** The backups made of it, by file name. */
  readonly files: Map<string, MemoryDisk>;
  /** The last opening of it. */
  opening: string;
  /** A store is open on it. */
  inUse: boolean;
}

/** What a device is told of the fates of its messages. */
interface MemoryNotices {
  /** Counts the notices. */
  last: number;
  /** By number, in order. */
  readonly kept: Map<number, FateNotice>;
}

export interface MemoryStream {
  readonly key: StreamKey;
  accepted: number;
  acceptedId: MessageId | undefined;
  /** By number. */
  readonly refusals: Map<number, NumberedFate>;
  readonly skips: Map<number, NumberedFate>;
  /** By first number. */
  readonly lost: Map<number, LostRange>;
}

export interface MemoryQueue {
  /** Another one of the same name has another. */
  readonly serial: number;
  row: QueueRow;
  /** From the highest priority to the lowest; in each, by key and so in order of arrival. */
  readonly priorities: readonly Map<number, MemoryMessage>[];
  arrivals: number;
  bytes: number;
  /** No message ends earlier by itself. */
  nextDueAt: number;
  readonly sends: Map<MessageId, SendRow>;
}

export interface MemoryMessage {
  readonly key: number;
  readonly id: MessageId;
  readonly properties: Uint8Array;
  readonly body: Uint8Array;
  readonly priority: number;
  readonly sentAt: number;
  readonly arrivedAt: number;
  readonly origin: MessageOrigin | undefined;
  readonly groupId: string | undefined;
  readonly expiresAt: number | undefined;
  readonly story: MessageStory | undefined;
  /** The device that sent it hears what becomes of it. */
  readonly tellsFate: boolean;
  deliveryCount: number;
  /** Invisible before this time, in Unix milliseconds; 0 when never held. */
  visibleAt: number;
  /** When its lease ends or ended. */
  leasedUntil: number;
  /** The token of its lease; undefined when it waits out a delay. */
  leaseToken: string | undefined;
  /** Who leased it last. */
  consumer: string | undefined;
  /** Waits for another message of its group; visible at the time given once that one has gone. */
  blockedUntil: number | undefined;
}

/** Arrivals that one priority has keys for. */
const PRIORITY_KEYS = 2 ** 48;
const PRIORITIES = LIMITS.priorityMax + 1;

/** An empty disk. */
export function createMemoryDisk(generation: GenerationId): MemoryDisk {
  return {
    generation,
    formerGenerations: new Set(),
    mintedIn: undefined,
    devices: new Map(),
    epochs: new Map(),
    retired: new Set(),
    streams: new Map(),
    queues: new Map(),
    jobs: new Map(),
    unjournaled: new Map(),
    notices: new Map(),
    noticed: new Set(),
    files: new Map(),
    opening: '',
    inUse: false,
  };
}

let serials = 0;

export function createMemoryQueue(row: QueueRow): MemoryQueue {
  serials += 1;
  return {
    serial: serials,
    row,
    priorities: Array.from({ length: PRIORITIES }, () => new Map()),
    arrivals: 0,
    bytes: 0,
    nextDueAt: NEVER,
    sends: new Map(),
  };
}

/** When in its queue a message arrived. */
export function arrivalOf({ key }: MemoryMessage): number {
  return key % PRIORITY_KEYS;
}

/** The key of the next message of this priority: keys sort as the queue does. */
export function nextKey(queue: MemoryQueue, priority: number): number {
  queue.arrivals += 1;
  const rank = rankOf(queue.row.ordering === 'fifo' ? LIMITS.priorityDefault : priority);
  return rank * PRIORITY_KEYS + queue.arrivals;
}

export function ofSamePriority(queue: MemoryQueue, key: number): Map<number, MemoryMessage> | undefined {
  return queue.priorities[Math.floor(key / PRIORITY_KEYS)];
}

/** All messages in queue order. */
export function* inQueueOrder(queue: MemoryQueue): Generator<MemoryMessage> {
  for (const messages of queue.priorities) yield* messages.values();
}

export function messageBytes(message: {
  readonly properties: Uint8Array;
  readonly body: Uint8Array;
}): number {
  return message.properties.length + message.body.length;
}

function rankOf(priority: number): number {
  return PRIORITIES - 1 - priority;
}
