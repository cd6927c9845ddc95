import { randomUUID } from 'node:crypto';
import type { DeviceId, GenerationId } from '@fieldpost/protocol';
import type Database from 'better-sqlite3';
import type { StoreError } from '../../core/store-error.ts';
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
  SweepResult,
  Snapshot,
} from '../../ports/gateway-store.ts';
import { backUp } from './back-up.ts';
import { Dues } from './dues.ts';
import { Generations } from './generations.ts';
import { GroupCommit } from './group-commit.ts';
import { LogCycle } from './log-cycle.ts';
import { migrate } from './migrate.ts';
import { Notices } from './notices.ts';
import { closeDatabase, openDatabase, openHandle, type OpenHandle } from './open-database.ts';
import { prepareAppend } from './operations/append.ts';
import { type DescribeQueue, prepareDescribeQueue } from './operations/describe-queue.ts';
import { type EndLongHolds, prepareEndLongHolds } from './operations/end-long-holds.ts';
import { prepareEndMessages } from './operations/end-messages.ts';
import { prepareFindLease } from './operations/find-lease.ts';
import { prepareGroups } from './operations/groups.ts';
import { prepareInsertMessages } from './operations/insert-messages.ts';
import { type Jobs, prepareJobs } from './operations/jobs.ts';
import { type ListDevices, prepareListDevices } from './operations/list-devices.ts';
import { type LoadSnapshot, prepareLoadSnapshot } from './operations/load-snapshot.ts';
import { LostRanges } from './operations/lost-ranges.ts';
import { type Peek, preparePeek } from './operations/peek.ts';
import { preparePruneSends, type PruneSends } from './operations/prune-sends.ts';
import { preparePutQueue } from './operations/put-queue.ts';
import { prepareReceive, type Receive } from './operations/receive.ts';
import { prepareRetireEpochs, type RetireEpochs } from './operations/retire-epochs.ts';
import { prepareSettle, type Settle } from './operations/settle.ts';
import { prepareSweep, type Sweep } from './operations/sweep.ts';
import { prepareTakeOut } from './operations/take-out.ts';
import { prepareWriteChange, type WriteChange } from './operations/write-change.ts';
import { QueueStates } from './queue-states.ts';
import { QueueSweeper } from './queue-sweeper.ts';
import { callerError, openingError } from './sqlite-error.ts';
import { Symbols } from './symbols.ts';

/**
 * What a SQLite store is opened with.
 *
 * @since 0.1.0
 */
export interface SqliteStoreOptions {
  /** The database file; made, with its folder, when it is not there. Its log stands beside it as `FILE-wal`. */
  readonly file: string;
  /** How long to wait for a gateway that is stopping to let go of the file, in milliseconds; 2,000 by default. */
  readonly lockWaitMs?: number;
  /** From this length on, in bytes, the log is carried over into the file; 16 MiB by default. */
  readonly logBytesMax?: number;
  /**
   * Called once when the disk failed in a way that leaves the last writes in doubt. From then on every call fails with
   * this error: end the process.
   */
  readonly onFailure?: (error: StoreError) => void;
  /** How the database handle is made; for tests. */
  readonly open?: OpenHandle;
}

const LOCK_WAIT_MS_DEFAULT = 2000;
const LOG_BYTES_MAX_DEFAULT = 16 * 1024 * 1024;
/** Bytes after which a group is committed although more calls wait: bounds how long the first one waits. */
const GROUP_BYTES_MAX = 8 * 1024 * 1024;

/**
 * Opens the store in a SQLite file, for this process alone. The folder and the file are made when they are not there.
 *
 * @returns the store; close it before the process ends
 * @throws StoreError `store-locked`, `storage-unsafe`, `schema-too-new`, `store-damaged`, `store-read-only`,
 * `store-full`, `store-failed`: each says what to do
 * @since 0.1.0
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<GatewayStore> {
  const {
    file,
    open = openHandle,
    lockWaitMs = LOCK_WAIT_MS_DEFAULT,
    logBytesMax = LOG_BYTES_MAX_DEFAULT,
  } = options;
  const database = await openDatabase(file, open, lockWaitMs);
  try {
    const log = new LogCycle(database, logBytesMax);
    log.carryOver();
    initialise(database, log);
    return new SqliteStore(database, log, options.onFailure);
  } catch (error) {
    closeDatabase(database);
    throw openingError(error, file);
  }
}

/** Brings the schema up to date and gives a new store its generation, in one transaction. */
function initialise(database: Database.Database, log: LogCycle): void {
  database.exec('BEGIN IMMEDIATE');
  log.mark();
  migrate(database);
  database
    .prepare("INSERT INTO meta (name, value) VALUES ('generation', ?) ON CONFLICT DO NOTHING")
    .run(randomUUID());
  database.exec('COMMIT');
  log.committed();
}

class SqliteStore implements GatewayStore {
  readonly #generations: Generations;
  readonly #lost: LostRanges;
  readonly #notices: Notices;
  readonly #retire: RetireEpochs;
  readonly #listDevices: ListDevices;
  readonly #database: Database.Database;
  readonly #commits: GroupCommit;
  readonly #queues: QueueStates;
  readonly #sweeper: QueueSweeper;
  readonly #load: LoadSnapshot;
  readonly #write: WriteChange;
  readonly #receive: Receive;
  readonly #settle: Settle;
  readonly #peek: Peek;
  readonly #describe: DescribeQueue;
  readonly #prune: PruneSends;
  readonly #dues: Dues;
  readonly #sweep: Sweep;
  readonly #endLongHolds: EndLongHolds;
  #sweptAt: number | undefined;
  readonly #jobs: Jobs;
  /** Since the last `sweep`, by queue. */
  #ended = new Map<string, number>();
  #unjournaled = new Map<string, number>();
  #groupBytes = 0;
  #running: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(database: Database.Database, log: LogCycle, onFailure: SqliteStoreOptions['onFailure']) {
    const symbols = new Symbols(database);
    this.#database = database;
    this.#generations = new Generations(database);
    this.#generations.get();
    this.#lost = new LostRanges(database, symbols);
    this.#queues = new QueueStates(database);
    this.#notices = new Notices(database, symbols);
    const rows = {
      symbols,
      queues: this.#queues,
      generations: this.#generations,
      lost: this.#lost,
      notices: this.#notices,
    };
    this.#load = prepareLoadSnapshot(database, rows, prepareFindLease(database, this.#queues));
    this.#retire = prepareRetireEpochs(database, symbols);
    this.#listDevices = prepareListDevices(database);
    this.#dues = new Dues(database);
    const groups = prepareGroups(database);
    const insert = prepareInsertMessages(database, this.#dues, groups, this.#notices);
    const takeOut = prepareTakeOut(database, this.#dues, groups, this.#notices);
    const putQueue = preparePutQueue(database, this.#queues);
    const ending = prepareEndMessages(database, {
      queues: this.#queues,
      takeOut,
      insert,
      putQueue,
      notices: this.#notices,
      onUnjournaled: (queue, messages) =>
        this.#unjournaled.set(queue, (this.#unjournaled.get(queue) ?? 0) + messages),
    });
    const append = prepareAppend(symbols, insert);
    this.#receive = prepareReceive(database, symbols, this.#queues, this.#dues);
    this.#settle = prepareSettle(database, this.#queues, this.#dues, ending);
    this.#write = prepareWriteChange(database, rows, { append, putQueue, settle: this.#settle });
    this.#jobs = prepareJobs(database, this.#queues, ending);
    this.#sweep = prepareSweep(database, this.#queues, this.#dues, ending);
    this.#endLongHolds = prepareEndLongHolds(database, this.#queues, this.#dues);
    this.#peek = preparePeek(database, symbols, this.#queues);
    this.#describe = prepareDescribeQueue(database);
    this.#prune = preparePruneSends(database);
    this.#commits = new GroupCommit(database, log, {
      isGroupFull: () => this.#groupBytes >= GROUP_BYTES_MAX,
      onGroupEnd: () => {
        this.#groupBytes = 0;
        this.#notices.announce();
      },
      onTakenBack: () => {
        symbols.forget();
        this.#queues.forgetAll();
        this.#generations.forget();
        this.#lost.forget();
        this.#dues.forget();
      },
      onFailure: (error) => onFailure?.(error),
    });
    this.#sweeper = new QueueSweeper(database, (work) => this.#commits.write(work), this.#notices);
    this.#sweeper.resume();
  }

  get generation(): GenerationId {
    return this.#generations.get().current;
  }

  transact<Result>(scope: Scope, decide: (snapshot: Snapshot) => Decision<Result>): Promise<Result> {
    return this.#commits.write(() => {
      const { changes, result } = decide(this.#load(scope));
      for (const change of changes) {
        this.#groupBytes += this.#write(change);
        if (change.type === 'delete-queue') this.#sweeper.wake();
      }
      return result;
    });
  }

  receive(request: ReceiveRequest): Promise<readonly LeasedMessage[]> {
    return this.#commits.write(() => {
      this.#noticeTime(request.now);
      this.#endDue(request.now);
      return this.#receive(request);
    });
  }

  settle(request: SettleRequest): Promise<readonly SettleResult[]> {
    return this.#commits.write(() => {
      this.#noticeTime(request.now);
      this.#endDue(request.now);
      return this.#settle(request);
    });
  }

  sweep(now: number): Promise<SweepResult> {
    return this.#commits.write(() => {
      // Since the last turn the clock may have been set back, or before this store was opened.
      if (this.#sweptAt === undefined || now < this.#sweptAt) this.#endLongHolds(now);
      this.#sweptAt = now;
      this.#endDue(now);
      const [ended, unjournaled] = [this.#ended, this.#unjournaled];
      this.#ended = new Map();
      this.#unjournaled = new Map();
      return { ended, unjournaled, isMore: this.#dues.areAny(now) };
    });
  }

  startJob(job: NewJob): Promise<JobRow> {
    return this.#commits.write(() => this.#jobs.start(job));
  }

  stepJob(request: JobStepRequest): Promise<JobStep | undefined> {
    return this.#commits.write(() => {
      this.#endDue(request.now);
      return this.#jobs.step(request);
    });
  }

  cancelJob(id: string, now: number): Promise<JobRow | undefined> {
    return this.#commits.write(() => this.#jobs.cancel(id, now));
  }

  listJobs(): Promise<readonly JobRow[]> {
    return this.#commits.read(() => this.#jobs.list());
  }

  peek(request: PeekRequest): Promise<PeekPage> {
    if (request.match === undefined) return this.#read(request.now, () => this.#peek(request));
    // A search takes its turn among the calls that write, page by page: it may be long.
    return this.#commits.write(() => {
      this.#endDue(request.now);
      return this.#peek(request);
    });
  }

  listQueues(now: number): Promise<readonly QueueInfo[]> {
    return this.#read(now, () =>
      this.#queues.names().map((name) => this.#describe.info(this.#queues.get(name), now)),
    );
  }

  getQueue(name: string, now: number): Promise<QueueInfo | undefined> {
    return this.#read(now, () => {
      const queue = this.#queues.find(name);
      return queue === undefined ? undefined : this.#describe.info(queue, now);
    });
  }

  nextVisibleAt(name: string, now: number): Promise<number | undefined> {
    return this.#read(now, () => {
      const queue = this.#queues.find(name);
      return queue === undefined ? undefined : this.#describe.held(queue, now).nextVisibleAt;
    });
  }

  listLost(request: LostRequest): Promise<LostPage> {
    return this.#commits.read(() => this.#lost.list(request));
  }

  listDevices(request: { readonly after?: DeviceId; readonly limit: number }): Promise<readonly DeviceRow[]> {
    return this.#commits.read(() => this.#listDevices(request));
  }

  async retireEpochs(request: RetireRequest): Promise<RetireResult> {
    const isDue = await this.#commits.read(() => this.#retire.isDue(request.closedBefore));
    if (!isDue) return { epochs: 0, isDone: true };
    return this.#commits.write(() => this.#retire.retire(request));
  }

  async pruneSends(before: number, max: number): Promise<number> {
    // Mostly there is nothing to do: then nobody has to wait for a commit.
    if (!(await this.#commits.read(() => this.#prune.isDue(before)))) return 0;
    return this.#commits.write(() => this.#prune.prune(before, max));
  }

  async pruneNotices(before: number, max: number): Promise<number> {
    if (!(await this.#commits.read(() => this.#notices.isPruneDue(before)))) return 0;
    return this.#commits.write(() => this.#notices.prune(before, max));
  }

  watchNotices(listener: (devices: ReadonlySet<DeviceId>) => void): () => void {
    return this.#notices.watch(listener);
  }

  async backup(file: string): Promise<void> {
    await this.#commits.read(() => undefined);
    const copying = backUp(this.#database, file);
    this.#running = Promise.allSettled([this.#running, copying]);
    return copying;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** The latest time that this store was given: a turn of the sweep with an earlier one sees that the clock was set back. */
  #noticeTime(now: number): void {
    if (this.#sweptAt !== undefined) this.#sweptAt = Math.max(this.#sweptAt, now);
  }

  /** Within a call that writes: ends what has run out by now, so that the call does not see it. */
  #endDue(now: number): void {
    if (!this.#dues.areAny(now)) return;
    for (const [queue, count] of this.#sweep(now))
      this.#ended.set(queue, (this.#ended.get(queue) ?? 0) + count);
  }

  /** Reads what there is once all that has run out by now is ended. A disk that takes no writes can still be read. */
  async #read<Result>(now: number, work: () => Result): Promise<Result> {
    if (await this.#commits.read(() => this.#dues.areAny(now)))
      await this.#commits.write(() => this.#endDue(now)).catch(() => undefined);
    return this.#commits.read(work);
  }

  async #close(): Promise<void> {
    await this.#commits.finish();
    await this.#running;
    try {
      closeDatabase(this.#database);
    } catch (error) {
      throw callerError(error, this.#database.name);
    }
  }
}
