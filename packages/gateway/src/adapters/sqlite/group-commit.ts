// Imported by name, so that tests with a false clock do not stop commits.
import { setImmediate } from 'node:timers';
import type Database from 'better-sqlite3';
import { StoreError } from '../../core/store-error.ts';
import type { LogCycle } from './log-cycle.ts';
import { callerError, reachOf } from './sqlite-error.ts';

/** What a group tells those who share its transaction. */
export interface GroupObserver {
  /** Asked after each call: whether the group has grown enough to be committed before more calls run. */
  isGroupFull(): boolean;
  /** What was remembered of the store's rows may be wrong: writes were taken back. */
  onTakenBack(): void;
  onGroupEnd(): void;
  /** Called once, when the store failed for good. */
  onFailure(error: StoreError): void;
}

/**
 * Calls that write, in groups of one durable transaction each.
 *
 * States: open → closed; open or closed → failed, for good.
 *
 * - Calls made in one turn of the event loop are in one group, as long as it is not full; what arrives while a group
 *   commits is in the next one.
 * - Nobody is answered before the group is durable. A call that fails takes back its own writes only.
 * - After an error that leaves the disk in doubt nothing is acknowledged again: a second fsync can succeed and still
 *   have lost what the first one failed on.
 */
export class GroupCommit {
  readonly #database: Database.Database;
  readonly #log: LogCycle;
  readonly #observer: GroupObserver;
  readonly #statements: Statements;
  #waiting: Call[] = [];
  #isScheduled = false;
  #isClosed = false;
  #failure: StoreError | undefined;
  #idle: (() => void)[] = [];

  constructor(database: Database.Database, log: LogCycle, observer: GroupObserver) {
    this.#database = database;
    this.#log = log;
    this.#observer = observer;
    this.#statements = prepare(database);
  }

  /** Runs `work` in the next group; resolves with its result when that is durable. */
  write<Result>(work: () => Result): Promise<Result> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    return new Promise<Result>((resolve, reject) => {
      this.#waiting.push(createCall(work, resolve, reject));
      this.#schedule();
    });
  }

  /** Runs `work`, which writes nothing, at once. What it sees is durable: no transaction is open between turns. */
  async read<Result>(work: () => Result): Promise<Result> {
    const refusal = this.#refusal();
    if (refusal !== undefined) throw refusal;
    try {
      return work();
    } catch (error) {
      throw this.#noted(error);
    }
  }

  /** Lets no more calls in; resolves when those that are in have been answered. */
  async finish(): Promise<void> {
    this.#isClosed = true;
    if (this.#isScheduled) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #refusal(): StoreError | undefined {
    return (
      this.#failure ?? (this.#isClosed ? new StoreError('shutting-down', 'the store is closed') : undefined)
    );
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#turn());
  }

  /** A group, or carrying the log over: never both in one turn, so that answers go out first. */
  #turn(): void {
    this.#isScheduled = false;
    if (this.#failure !== undefined) this.#rejectWaiting(this.#failure);
    else if (this.#log.isDue()) this.#guard(() => this.#log.carryOver());
    else this.#commitGroup();
    if (this.#waiting.length > 0 || (this.#failure === undefined && this.#log.isDue())) this.#schedule();
    else for (const resolve of this.#idle.splice(0)) resolve();
  }

  #commitGroup(): void {
    const group: Call[] = [];
    try {
      this.#statements.begin.run();
      this.#log.mark();
      do {
        const call = this.#waiting.shift();
        if (call === undefined) break;
        group.push(call);
        this.#runOne(call);
      } while (!this.#observer.isGroupFull());
      this.#statements.commit.run();
    } catch (error) {
      this.#takeBackAll();
      const problem = this.#noted(error);
      for (const call of group) call.reject(problem);
      // Nothing of this transaction could run at all: the calls behind it would fail the same way.
      if (group.length === 0) this.#rejectWaiting(problem);
      return;
    } finally {
      this.#observer.onGroupEnd();
    }
    for (const call of group) call.answer();
    this.#guard(() => this.#log.committed());
  }

  /** Throws only what reaches further than this one call. */
  #runOne(call: Call): void {
    this.#statements.savepoint.run();
    try {
      call.run();
    } catch (error) {
      if (reachOf(error) !== 'call' || !this.#database.inTransaction) throw error;
      this.#statements.rollbackTo.run();
      this.#observer.onTakenBack();
      call.fail(callerError(error, this.#database.name));
    }
    this.#statements.release.run();
  }

  #takeBackAll(): void {
    this.#observer.onTakenBack();
    try {
      if (this.#database.inTransaction) this.#statements.rollback.run();
    } catch (error) {
      this.#noted(error);
    }
  }

  /** Runs what nobody waits for. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#noted(error);
    }
  }

  #rejectWaiting(problem: unknown): void {
    for (const call of this.#waiting.splice(0)) call.reject(problem);
  }

  /** The error as callers get it. From one that leaves the disk in doubt on, every later call gets it too. */
  #noted(error: unknown): unknown {
    const problem = callerError(error, this.#database.name);
    if (reachOf(error) === 'store' && this.#failure === undefined && problem instanceof StoreError) {
      this.#failure = problem;
      this.#observer.onFailure(problem);
    }
    return problem;
  }
}

/** One caller's work and the way to its promise. */
interface Call {
  run(): void;
  /** Notes that the call, alone, failed. */
  fail(error: unknown): void;
  /** Tells the caller what came of it. */
  answer(): void;
  reject(error: unknown): void;
}

function createCall<Result>(
  work: () => Result,
  resolve: (result: Result) => void,
  reject: (error: unknown) => void,
): Call {
  let answer = (): void => undefined;
  return {
    run: () => {
      const result = work();
      answer = () => resolve(result);
    },
    fail: (error) => {
      answer = () => reject(error);
    },
    answer: () => answer(),
    reject,
  };
}

interface Statements {
  readonly begin: Database.Statement;
  readonly commit: Database.Statement;
  readonly rollback: Database.Statement;
  readonly savepoint: Database.Statement;
  readonly release: Database.Statement;
  readonly rollbackTo: Database.Statement;
}

function prepare(database: Database.Database): Statements {
  return {
    begin: database.prepare('BEGIN IMMEDIATE'),
    commit: database.prepare('COMMIT'),
    rollback: database.prepare('ROLLBACK'),
    savepoint: database.prepare('SAVEPOINT one_call'),
    release: database.prepare('RELEASE one_call'),
    rollbackTo: database.prepare('ROLLBACK TO one_call'),
  };
}
