import { randomInt, randomUUID } from 'node:crypto';
import { CodedError, type DeviceId, type GenerationId } from '@fieldpost/protocol';
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
  NewJob,
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
  SweepResult,
} from '../../ports/gateway-store.ts';
import { CallGroups, type Outcome } from './call-group.ts';
import { type Connect, connect as connectTo } from './connection.ts';
import { listDevices } from './device-rows.ts';
import { areAnyDue } from './dues.ts';
import type { Identity } from './identity.ts';
import { Link } from './link.ts';
import { migrate } from './migrate.ts';
import { pruneNotices } from './notices.ts';
import { emptyDeleted } from './operations/empty-deleted.ts';
import { endLongHolds } from './operations/end-long-holds.ts';
import { cancelJob, listJobs, startJob, stepJob } from './operations/jobs.ts';
import { getQueue, listQueues, nextVisibleAt, peek } from './operations/look.ts';
import { pruneSends } from './operations/prune-sends.ts';
import { receive } from './operations/receive.ts';
import { retireEpochs } from './operations/retire-epochs.ts';
import { settle } from './operations/settle.ts';
import { endDue } from './operations/sweep.ts';
import { callerError } from './postgres-error.ts';
import { count, QueueWork } from './queue-work.ts';
import { listLost } from './stream-rows.ts';
import { decideAll, type Deciding } from './transact.ts';
import type { Transaction } from './transaction.ts';

/**
 * What a PostgreSQL store is opened with.
 *
 * @since 0.1.0
 */
export interface PostgresStoreOptions {
  /** `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, with what the driver knows as parameters, such as `sslmode`. */
  readonly url: string;
  /** How long to wait for a connection, in milliseconds; 5,000 by default. */
  readonly connectTimeoutMs?: number;
  /** A statement without an answer after this time has lost its connection, in milliseconds; 30,000 by default. */
  readonly answerTimeoutMs?: number;
  /** How connections are made; for tests. */
  readonly connect?: Connect;
}

const CONNECT_TIMEOUT_MS_DEFAULT = 5_000;
const ANSWER_TIMEOUT_MS_DEFAULT = 30_000;
/** Counts of what leaves queues are kept in so many slices. */
const SLICES = 64;

/**
 * Opens the store in a PostgreSQL database, which any number of gateways share. Its tables are in the schema `fieldpost`,
 * made when it is not there.
 *
 * @returns the store; close it before the process ends
 * @throws StoreError `storage-unsafe` when the server does not write commits to the disk, or is too old; `schema-too-new`,
 * `store-unavailable`, `store-read-only`: each says what to do
 * @since 0.1.0
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<GatewayStore> {
  const {
    url,
    connectTimeoutMs = CONNECT_TIMEOUT_MS_DEFAULT,
    answerTimeoutMs = ANSWER_TIMEOUT_MS_DEFAULT,
  } = options;
  const connect = options.connect ?? (() => connectTo({ url, connectTimeoutMs, answerTimeoutMs }));
  const store = new PostgresStore(connect);
  try {
    const connection = await connect();
    try {
      await migrate(connection);
    } finally {
      await connection.close();
    }
    await store.begin();
    return store;
  } catch (error) {
    await store.close();
    throw callerError(error);
  }
}

/** Work of a call about queues, which begins when the decisions called for before it are durable. */
interface QueueCall {
  readonly after: Promise<unknown>;
  readonly run: (work: QueueWork) => Promise<unknown>;
}

class PostgresStore implements GatewayStore {
  readonly #decisions: CallGroups<Deciding>;
  readonly #queueCalls: CallGroups<QueueCall>;
  /** One connection each for decisions, for calls about queues, and for looking: none waits for the others. */
  readonly #deciding: Link;
  readonly #working: Link;
  readonly #looking: Link;
  readonly #slice = randomInt(SLICES);
  readonly #noticeListeners = new Set<(devices: ReadonlySet<DeviceId>) => void>();
  #identity: Identity | undefined;
  #lastDecision: Promise<unknown> = Promise.resolve();
  #isEmptying = false;
  #sweptAt: number | undefined;
  #closing: Promise<void> | undefined;
  /** Since the last `sweep`, by queue. */
  #ended = new Map<string, number>();
  #unjournaled = new Map<string, number>();

  constructor(connect: Connect) {
    const options = {
      connect,
      mintGeneration: () => randomUUID() as string as GenerationId,
      onIdentity: (identity: Identity) => (this.#identity = identity),
    };
    this.#deciding = new Link(options);
    this.#working = new Link(options);
    this.#looking = new Link(options);
    this.#decisions = new CallGroups((calls) => this.#decideAll(calls));
    this.#queueCalls = new CallGroups((calls) => this.#runAll(calls));
  }

  /** Finds out which store this is, and goes on with what an earlier gateway left. */
  async begin(): Promise<void> {
    await this.#deciding.transaction(async () => undefined);
    this.#emptyDeleted();
  }

  get generation(): GenerationId {
    if (this.#identity === undefined) throw new StoreError('shutting-down', 'the store is not open');
    return this.#identity.generation;
  }

  transact<Result>(scope: Scope, decide: (snapshot: Snapshot) => Decision<Result>): Promise<Result> {
    const call = this.#decisions.call<Result>({ scope, decide });
    this.#lastDecision = call.catch(() => undefined);
    return call;
  }

  receive(request: ReceiveRequest): Promise<readonly LeasedMessage[]> {
    this.#noticeTime(request.now);
    return this.#work(async (work) => {
      await endDue(work, request.now);
      return receive(work, request);
    });
  }

  settle(request: SettleRequest): Promise<readonly SettleResult[]> {
    this.#noticeTime(request.now);
    return this.#work(async (work) => {
      await endDue(work, request.now);
      return settle(work, request);
    });
  }

  /** The latest time that this store was given: a turn of the sweep with an earlier one sees that the clock was set back. */
  #noticeTime(now: number): void {
    if (this.#sweptAt !== undefined) this.#sweptAt = Math.max(this.#sweptAt, now);
  }

  async sweep(now: number): Promise<SweepResult> {
    // Since the last turn the clock may have been set back, or before this store was opened.
    const isClockNew = this.#sweptAt === undefined || now < this.#sweptAt;
    await this.#work(async (work) => {
      if (isClockNew) await endLongHolds(work, now);
      await endDue(work, now);
    });
    this.#sweptAt = now;
    const isMore = await this.#look((transaction) => areAnyDue(transaction, now));
    const [ended, unjournaled] = [this.#ended, this.#unjournaled];
    this.#ended = new Map();
    this.#unjournaled = new Map();
    return { ended, unjournaled, isMore };
  }

  startJob(job: NewJob): Promise<JobRow> {
    return this.#work((work) => startJob(work, job));
  }

  stepJob(request: JobStepRequest): Promise<JobStep | undefined> {
    return this.#work(async (work) => {
      await endDue(work, request.now);
      return stepJob(work, request);
    });
  }

  cancelJob(id: string, now: number): Promise<JobRow | undefined> {
    return this.#work((work) => cancelJob(work, id, now));
  }

  listJobs(): Promise<readonly JobRow[]> {
    return this.#look(listJobs);
  }

  peek(request: PeekRequest): Promise<PeekPage> {
    return this.#lookAt(request.now, (transaction) => peek(transaction, request));
  }

  listQueues(now: number): Promise<readonly QueueInfo[]> {
    return this.#lookAt(now, (transaction) => listQueues(transaction, now));
  }

  getQueue(name: string, now: number): Promise<QueueInfo | undefined> {
    return this.#lookAt(now, (transaction) => getQueue(transaction, name, now));
  }

  nextVisibleAt(queue: string, now: number): Promise<number | undefined> {
    return this.#lookAt(now, (transaction) => nextVisibleAt(transaction, queue, now));
  }

  listLost(request: LostRequest): Promise<LostPage> {
    return this.#look((transaction) => listLost(transaction, request));
  }

  listDevices(request: { readonly after?: DeviceId; readonly limit: number }): Promise<readonly DeviceRow[]> {
    return this.#look((transaction) => listDevices(transaction, request));
  }

  retireEpochs(request: RetireRequest): Promise<RetireResult> {
    return this.#work(({ transaction }) => retireEpochs(transaction, request));
  }

  pruneSends(before: number, max: number): Promise<number> {
    return this.#work(({ transaction }) => pruneSends(transaction, before, max));
  }

  pruneNotices(before: number, max: number): Promise<number> {
    return this.#work(({ transaction }) => pruneNotices(transaction, before, max));
  }

  watchNotices(listener: (devices: ReadonlySet<DeviceId>) => void): () => void {
    this.#noticeListeners.add(listener);
    return () => this.#noticeListeners.delete(listener);
  }

  async backup(): Promise<void> {
    this.#refuseWhenClosed();
    throw new StoreError(
      'invalid-request',
      "a store in PostgreSQL is backed up by PostgreSQL's own means, such as pg_dump or a base backup with its log",
    );
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #decideAll(calls: readonly Deciding[]): Promise<readonly Outcome[]> {
    const { outcomes, identity, work } = await this.#deciding.transaction((transaction, found) =>
      decideAll(transaction, found, calls, this.#slice),
    );
    this.#identity = identity;
    this.#committed(work);
    return outcomes;
  }

  #work<Result>(run: (work: QueueWork) => Promise<Result>): Promise<Result> {
    return this.#queueCalls.call<Result>({ after: this.#lastDecision, run });
  }

  async #runAll(calls: readonly QueueCall[]): Promise<readonly Outcome[]> {
    await calls.at(-1)?.after;
    const { outcomes, work } = await this.#working.transaction(async (transaction) => {
      const shared = new QueueWork(transaction, this.#slice);
      const found: Outcome[] = [];
      for (const { run } of calls) found.push(await outcomeOf(run(shared)));
      return { outcomes: found, work: shared };
    });
    this.#committed(work);
    return outcomes;
  }

  /** Tells of what a transaction brought about beside its answers. */
  #committed({ ended, unjournaled, toldDevices, hasDropped }: QueueWork): void {
    for (const [queue, messages] of ended) count(this.#ended, queue, messages);
    for (const [queue, messages] of unjournaled) count(this.#unjournaled, queue, messages);
    if (toldDevices.size > 0) for (const listener of this.#noticeListeners) listener(toldDevices);
    if (hasDropped) this.#emptyDeleted();
  }

  async #look<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result> {
    this.#refuseWhenClosed();
    try {
      return await this.#looking.read(work);
    } catch (error) {
      throw callerError(error);
    }
  }

  /** Looks at what there is once all that has run out by now is ended. */
  async #lookAt<Result>(now: number, work: (transaction: Transaction) => Promise<Result>): Promise<Result> {
    if (await this.#look((transaction) => areAnyDue(transaction, now)))
      await this.#work((shared) => endDue(shared, now)).catch(() => undefined);
    return this.#look(work);
  }

  /** Removes what deleted queues left behind, batch by batch. What is left at a stop goes at the next start. */
  #emptyDeleted(): void {
    if (this.#isEmptying) return;
    this.#isEmptying = true;
    const run = async (): Promise<void> => {
      while (await this.#work(emptyDeleted));
    };
    run().then(
      () => (this.#isEmptying = false),
      // The store is closed, or the database is away: the next deletion, or the next start, goes on.
      () => (this.#isEmptying = false),
    );
  }

  #refuseWhenClosed(): void {
    if (this.#closing !== undefined) throw new StoreError('shutting-down', 'the store is closed');
  }

  async #close(): Promise<void> {
    await this.#decisions.finish();
    await this.#queueCalls.finish();
    await Promise.all([this.#deciding, this.#working, this.#looking].map((link) => link.close()));
  }
}

/** What a call refused before it wrote anything concerns that call alone; everything else the whole transaction. */
async function outcomeOf(running: Promise<unknown>): Promise<Outcome> {
  try {
    return { result: await running };
  } catch (error) {
    if (error instanceof CodedError && REFUSALS.has(error.code)) return { error };
    throw error;
  }
}

const REFUSALS: ReadonlySet<string> = new Set(['queue-not-found', 'invalid-request']);
