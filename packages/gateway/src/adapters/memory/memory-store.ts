import { bytesFromUuid, type DeviceId, type GenerationId, invariant } from '@fieldpost/protocol';
import { leaseTerms } from '../../core/failed-delivery.ts';
import { matcherOf } from '../../core/matches-message.ts';
import { NEVER } from '../../core/never.ts';
import { isSubqueue, parentOf } from '../../core/queue-address.ts';
import { formatCursor, formatReceipt, parseCursor } from '../../core/receipt.ts';
import { StoreError } from '../../core/store-error.ts';
import type {
  Decision,
  DeviceRow,
  GatewayStore,
  JobRow,
  JobStep,
  JobStepRequest,
  LeasedMessage,
  LostPage,
  LostRequest,
  MessageState,
  NewJob,
  PeekedMessage,
  PeekPage,
  PeekRequest,
  QueueInfo,
  ReceiveRequest,
  RetireRequest,
  RetireResult,
  Scope,
  SettleRequest,
  SettleResult,
  Snapshot,
  StoredMessage,
  SweepResult,
} from '../../ports/gateway-store.ts';
import { applyChange, queueNamed, type Undo } from './apply-change.ts';
import { endLongHolds } from './end-long-holds.ts';
import { sweepQueues } from './end-messages.ts';
import { listLost } from './list-lost.ts';
import { loadSnapshot, usageOf } from './load-snapshot.ts';
import {
  inQueueOrder,
  type MemoryDisk,
  type MemoryMessage,
  type MemoryQueue,
  messageBytes,
} from './memory-disk.ts';
import { cancelMemoryJob, startMemoryJob, stepMemoryJob } from './memory-jobs.ts';
import { pruneNotices } from './memory-notices.ts';
import { retireEpochs } from './retire-epochs.ts';
import { settleLeases } from './settle-leases.ts';

/** What a memory store is opened with. */
export interface MemoryStoreOptions {
  /** Called before each write; what it throws fails that write, as a broken disk would. For tests. */
  readonly beforeWrite?: () => void;
}

/**
 * Opens a store on `disk`: for tests and simulations, as exact as the one on files, and gone with the process.
 *
 * @throws StoreError `store-locked` while another store is open on the same disk
 */
export function openMemoryStore(disk: MemoryDisk, options: MemoryStoreOptions = {}): MemoryStore {
  if (disk.inUse)
    throw new StoreError('store-locked', 'another store is open on this memory disk; close it first');
  disk.inUse = true;
  disk.opening = `opening ${++openings}`;
  return new MemoryStore(disk, options);
}

let openings = 0;

/** See {@link openMemoryStore}. */
export class MemoryStore implements GatewayStore {
  readonly #disk: MemoryDisk;
  readonly #beforeWrite: () => void;
  readonly #listeners = new Set<(devices: ReadonlySet<DeviceId>) => void>();
  #state: 'open' | 'closed' | 'killed' = 'open';
  #lastCall: Promise<unknown> = Promise.resolve();
  #sweptAt: number | undefined;
  /** Since the last `sweep`, by queue. */
  #ended = new Map<string, number>();

  constructor(disk: MemoryDisk, options: MemoryStoreOptions) {
    this.#disk = disk;
    this.#beforeWrite = options.beforeWrite ?? ((): void => {});
  }

  get generation(): MemoryDisk['generation'] {
    return this.#disk.generation;
  }

  transact<Result>(scope: Scope, decide: (snapshot: Snapshot) => Decision<Result>): Promise<Result> {
    return this.#call(() => {
      const { changes, result } = decide(loadSnapshot(this.#disk, scope));
      const undo: Undo[] = [];
      const settling = changes.findIndex(({ type }) => type === 'settle');
      invariant(settling < 0 || settling === changes.length - 1, 'a settle stands behind all other changes');
      try {
        for (const change of changes) {
          this.#beforeWrite();
          applyChange(this.#disk, change, undo);
        }
      } catch (error) {
        for (const takeBack of undo.toReversed()) takeBack();
        throw error;
      }
      return result;
    });
  }

  receive(request: ReceiveRequest): Promise<readonly LeasedMessage[]> {
    return this.#call(() => {
      this.#beforeWrite();
      this.#noticeTime(request.now);
      this.#endDue(request.now);
      const queue = queueOrEmpty(this.#disk, request.queue);
      return queue === undefined || queue.row.receivingPaused ? [] : lease(queue, request);
    });
  }

  settle(request: SettleRequest): Promise<readonly SettleResult[]> {
    return this.#call(() => {
      this.#beforeWrite();
      this.#noticeTime(request.now);
      this.#endDue(request.now);
      return settleLeases(this.#disk, request);
    });
  }

  sweep(now: number): Promise<SweepResult> {
    return this.#call(() => {
      this.#beforeWrite();
      // Since the last turn the clock may have been set back, or before this store was opened.
      if (this.#sweptAt === undefined || now < this.#sweptAt) endLongHolds(this.#disk, now);
      this.#sweptAt = now;
      this.#endDue(now);
      const ended = this.#ended;
      this.#ended = new Map();
      const unjournaled = new Map(this.#disk.unjournaled);
      this.#disk.unjournaled.clear();
      return { ended, unjournaled, isMore: false };
    });
  }

  startJob(job: NewJob): Promise<JobRow> {
    return this.#call(() => {
      this.#beforeWrite();
      return startMemoryJob(this.#disk, job);
    });
  }

  stepJob(request: JobStepRequest): Promise<JobStep | undefined> {
    return this.#call(() => {
      this.#beforeWrite();
      this.#endDue(request.now);
      return stepMemoryJob(this.#disk, request, (name) => usageOf(this.#disk, name));
    });
  }

  cancelJob(id: string, now: number): Promise<JobRow | undefined> {
    return this.#call(() => {
      this.#beforeWrite();
      return cancelMemoryJob(this.#disk, id, now);
    });
  }

  listJobs(): Promise<readonly JobRow[]> {
    return this.#call(() => [...this.#disk.jobs.values()]);
  }

  peek(request: PeekRequest): Promise<PeekPage> {
    return this.#call(() => {
      this.#endDue(request.now);
      const queue = queueOrEmpty(this.#disk, request.queue);
      return queue === undefined ? { messages: [] } : look(queue, request);
    });
  }

  listQueues(now: number): Promise<readonly QueueInfo[]> {
    return this.#call(() => {
      this.#endDue(now);
      const infos = [...this.#disk.queues.values()].map((queue) => describe(queue, now));
      return infos.toSorted((left, right) => (left.name < right.name ? -1 : 1));
    });
  }

  getQueue(name: string, now: number): Promise<QueueInfo | undefined> {
    return this.#call(() => {
      this.#endDue(now);
      const queue = this.#disk.queues.get(name);
      return queue === undefined ? undefined : describe(queue, now);
    });
  }

  nextVisibleAt(name: string, now: number): Promise<number | undefined> {
    return this.#call(() => {
      this.#endDue(now);
      const queue = this.#disk.queues.get(name);
      let next = NEVER;
      for (const { visibleAt } of queue === undefined ? [] : inQueueOrder(queue)) {
        if (visibleAt > now) next = Math.min(next, visibleAt);
      }
      return next === NEVER ? undefined : next;
    });
  }

  pruneSends(before: number, max: number): Promise<number> {
    return this.#call(() => {
      this.#beforeWrite();
      const old = [...this.#disk.queues.values()]
        .flatMap(({ sends }) => [...sends.values()].map((row) => ({ sends, row })))
        .filter(({ row }) => row.sentAt < before)
        .toSorted((left, right) => left.row.sentAt - right.row.sentAt)
        .slice(0, max);
      for (const { sends, row } of old) sends.delete(row.id);
      return old.length;
    });
  }

  listLost(request: LostRequest): Promise<LostPage> {
    return this.#call(() => listLost(this.#disk, request));
  }

  listDevices(request: { readonly after?: DeviceId; readonly limit: number }): Promise<readonly DeviceRow[]> {
    return this.#call(() => {
      const rows = [...this.#disk.devices.values()].filter(({ device }) => device > (request.after ?? ''));
      return rows.toSorted((left, right) => (left.device < right.device ? -1 : 1)).slice(0, request.limit);
    });
  }

  retireEpochs(request: RetireRequest): Promise<RetireResult> {
    return this.#call(() => {
      this.#beforeWrite();
      return retireEpochs(this.#disk, request);
    });
  }

  pruneNotices(before: number, max: number): Promise<number> {
    return this.#call(() => {
      this.#beforeWrite();
      return pruneNotices(this.#disk, before, max);
    });
  }

  watchNotices(listener: (devices: ReadonlySet<DeviceId>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Keeps the copy on the disk object itself, under the name `file`. */
  backup(file: string): Promise<void> {
    return this.#call(() => {
      if (this.#disk.files.has(file))
        throw new StoreError('conflict', `the backup "${file}" exists; name another file`);
      const copy = structuredClone({ ...this.#disk, files: new Map() });
      const generation = nextGeneration(this.#disk.generation, this.#disk.files.size + 1);
      copy.formerGenerations.add(this.#disk.generation);
      this.#disk.files.set(file, { ...copy, generation, inUse: false });
    });
  }

  async close(): Promise<void> {
    if (this.#state === 'open') this.#state = 'closed';
    await this.#lastCall.catch(() => undefined);
    this.#disk.inUse = false;
  }

  /** Stops at once, as a killed process does: calls under way write nothing more. */
  kill(): void {
    this.#state = 'killed';
    this.#disk.inUse = false;
  }

  #announce(): void {
    if (this.#disk.noticed.size === 0) return;
    const devices = new Set(this.#disk.noticed);
    this.#disk.noticed.clear();
    for (const listener of this.#listeners) listener(devices);
  }

  /** The latest time that this store was given: a turn of the sweep with an earlier one sees that the clock was set back. */
  #noticeTime(now: number): void {
    if (this.#sweptAt !== undefined) this.#sweptAt = Math.max(this.#sweptAt, now);
  }

  #endDue(now: number): void {
    for (const [queue, count] of sweepQueues(this.#disk, now))
      this.#ended.set(queue, (this.#ended.get(queue) ?? 0) + count);
  }

  /** One call after the other, none in the turn in which it was made: what a caller may rely on with any store. */
  #call<Result>(work: () => Result): Promise<Result> {
    if (this.#state !== 'open') return Promise.reject(new StoreError('shutting-down', 'the store is closed'));
    const call = this.#lastCall
      .catch(() => undefined)
      .then(() => {
        if (this.#state === 'killed') throw new StoreError('shutting-down', 'the store was killed');
        try {
          return work();
        } finally {
          this.#announce();
        }
      });
    this.#lastCall = call;
    return call;
  }
}

/** The generation of the `count`th backup: who opens it has gone back in time. Counted up, so that simulations repeat. */
function nextGeneration(generation: GenerationId, count: number): GenerationId {
  const last = (Number.parseInt(generation.slice(24), 16) + count) % 2 ** 48;
  return (generation.slice(0, 24) + last.toString(16).padStart(12, '0')) as GenerationId;
}

/** The queue of this name; undefined for a subqueue that is not there now, which is one without messages. */
function queueOrEmpty(disk: MemoryDisk, name: string): MemoryQueue | undefined {
  if (!isSubqueue(name)) return queueNamed(disk, name);
  queueNamed(disk, parentOf(name));
  return disk.queues.get(name);
}

function lease(queue: MemoryQueue, request: ReceiveRequest): LeasedMessage[] {
  invariant(
    request.leaseTokens.length >= request.max,
    `${request.max} leases need as many tokens, not ${request.leaseTokens.length}`,
  );
  const leasedUntil = request.now + request.leaseMs;
  const { bytesMax = Number.POSITIVE_INFINITY } = request;
  const leased: LeasedMessage[] = [];
  let bytes = 0;
  for (const message of inQueueOrder(queue)) {
    const token = request.leaseTokens[leased.length];
    if (leased.length === request.max || bytes >= bytesMax || token === undefined) break;
    if (message.visibleAt > request.now) continue;
    const { visibleAt, endsAt } = leaseTerms(queue.row, message.deliveryCount + 1, leasedUntil);
    message.deliveryCount += 1;
    message.leasedUntil = leasedUntil;
    message.visibleAt = visibleAt;
    message.leaseToken = token;
    message.consumer = request.consumer;
    if (endsAt !== undefined) queue.nextDueAt = Math.min(queue.nextDueAt, endsAt);
    leased.push({ ...stored(message), receipt: formatReceipt({ key: message.key, token }), leasedUntil });
    bytes += messageBytes(message);
  }
  return leased;
}

function look(queue: MemoryQueue, request: PeekRequest): PeekPage {
  const after = request.cursor === undefined ? -1 : parseCursor(request.cursor);
  if (after === undefined)
    throw new StoreError('invalid-request', `"${request.cursor}" is not a cursor that a peek answered with`);
  const { bytesMax = Number.POSITIVE_INFINITY } = request;
  const messages: PeekPage['messages'][number][] = [];
  let last = after;
  let bytes = 0;
  const isWanted = request.match === undefined ? undefined : matcherOf(request.match);
  let scanned = 0;
  for (const message of inQueueOrder(queue)) {
    if (message.key <= after) continue;
    if (messages.length === request.limit || bytes >= bytesMax || scanned === request.scanMax)
      return { messages, cursor: formatCursor(last) };
    scanned += 1;
    last = message.key;
    if (isWanted?.(bytesFromUuid(message.id), message.properties) === false) continue;
    const body = request.bodies ? message.body : new Uint8Array(0);
    messages.push({
      ...stored(message),
      body,
      state: stateOf(message, request.now),
      ...leaseOf(message),
    });
    bytes += messageBytes({ ...message, body });
  }
  return { messages };
}

function leaseOf({ consumer, leaseToken, leasedUntil }: MemoryMessage): Pick<PeekedMessage, 'lastLease'> {
  if (consumer === undefined || leaseToken === undefined) return {};
  return { lastLease: { consumer, until: leasedUntil } };
}

function stored(message: MemoryMessage): StoredMessage {
  const { id, properties, body, priority, sentAt, arrivedAt, origin, deliveryCount, story } = message;
  return {
    id,
    properties,
    body,
    priority,
    sentAt,
    arrivedAt,
    deliveryCount,
    ...(origin === undefined ? {} : { origin }),
    ...(story === undefined ? {} : { story }),
  };
}

function stateOf(message: MemoryMessage, now: number): MessageState {
  if (message.visibleAt <= now) return 'ready';
  if (message.leaseToken !== undefined && message.leasedUntil > now) return 'leased';
  return message.blockedUntil === undefined ? 'delayed' : 'blocked';
}

function describe(queue: MemoryQueue, now: number): QueueInfo {
  const counts = { ready: 0, leased: 0, delayed: 0, blocked: 0 };
  let oldestArrivedAt: number | undefined;
  for (const message of inQueueOrder(queue)) {
    counts[stateOf(message, now)] += 1;
    oldestArrivedAt = Math.min(oldestArrivedAt ?? message.arrivedAt, message.arrivedAt);
  }
  return {
    ...queue.row,
    ...counts,
    bytes: queue.bytes,
    ...(oldestArrivedAt === undefined ? {} : { oldestArrivedAt }),
  };
}
