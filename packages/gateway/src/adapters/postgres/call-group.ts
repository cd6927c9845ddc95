// Imported by name, so that tests with a false clock do not stop commits.
import { setImmediate } from 'node:timers';
import { StoreError } from '../../core/store-error.ts';
import { callerError, remedyFor } from './postgres-error.ts';

/** What came of a call in a transaction that may be committed. */
export type Outcome = { readonly result: unknown } | { readonly error: unknown };

/** A caller's work and the way to its promise. */
export interface WaitingCall<Work> {
  readonly work: Work;
  resolve(result: never): void;
  reject(error: unknown): void;
}

/**
 * Runs the first of these in one transaction, and resolves when it is committed. Fewer outcomes than calls: the others were
 * too much for one transaction.
 */
export type RunGroup<Work> = (calls: readonly Work[]) => Promise<readonly Outcome[]>;

/** Calls of one transaction. */
const CALLS_MAX = 256;

/**
 * Calls that share transactions: those made in one turn of the event loop, or while a commit is under way, are in one. A
 * call is answered when it is durable. When one of them makes the transaction fail, each is run in one of its own.
 */
export class CallGroups<Work> {
  readonly #run: RunGroup<Work>;
  readonly #waiting: WaitingCall<Work>[] = [];
  #running: Promise<void> | undefined;
  #isClosed = false;

  constructor(run: RunGroup<Work>) {
    this.#run = run;
  }

  call<Result>(work: Work): Promise<Result> {
    if (this.#isClosed) return Promise.reject(new StoreError('shutting-down', 'the store is closed'));
    return new Promise<Result>((resolve, reject) => {
      this.#waiting.push({ work, resolve, reject });
      this.#running ??= this.#runAll();
    });
  }

  /** Resolves when the calls made so far have been answered. */
  async settled(): Promise<void> {
    await this.#running;
  }

  /** Lets no more calls in; resolves when those that are in have been answered. */
  async finish(): Promise<void> {
    this.#isClosed = true;
    await this.#running;
  }

  async #runAll(): Promise<void> {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    while (this.#waiting.length > 0) {
      const calls = this.#waiting.splice(0, CALLS_MAX);
      this.#waiting.unshift(...calls.slice(await this.#runTogether(calls)));
    }
    this.#running = undefined;
  }

  /** Returns how many were answered. */
  async #runTogether(calls: readonly WaitingCall<Work>[]): Promise<number> {
    try {
      const outcomes = await this.#run(calls.map(({ work }) => work));
      for (const [index, outcome] of outcomes.entries()) answer(calls[index], outcome);
      return outcomes.length;
    } catch (error) {
      if (calls.length === 1 || remedyFor(error) !== 'apart') {
        for (const call of calls) call.reject(callerError(error));
      } else for (const call of calls) await this.#runTogether([call]);
      return calls.length;
    }
  }
}

function answer(call: WaitingCall<unknown> | undefined, outcome: Outcome): void {
  if ('error' in outcome) call?.reject(callerError(outcome.error));
  else call?.resolve(outcome.result as never);
}
