import { backoffDelayMs } from '@fieldpost/protocol';
import { FieldpostError } from '../core/fieldpost-error.ts';
import { Completer } from './completer.ts';
import { type ConsumerOptions, type ConsumerSettings, readConsumerOptions } from './consumer-options.ts';
import type { ConsumerProblem } from './consumer-problem.ts';
import type { Consumer } from './consumer.ts';
import { createDeferred } from './deferred.ts';
import { CallRefused, GatewayCalls, isWorthRepeating } from './gateway-calls.ts';
import type { ReceivedMessage } from './received-message.ts';
import { Settler } from './settler.ts';
import { type HandedOut, Stock, type Taker } from './stock.ts';
import { type ConsumerSurroundings, pause, runtimeSurroundings } from './surroundings.ts';

/** One who takes messages: a `for await`, or a `run`. */
interface Loop<Body> {
  /** Undefined when the loop is at its end. */
  take(): Promise<HandedOut<Body> | undefined>;
  /** Undefined when none is there now. */
  takeNow(): HandedOut<Body> | undefined;
  leave(): void;
}

const closeTimeoutMsDefault = 30_000;

/**
 * States: `idle` (no loop) ⇄ `receiving` → `closing` (no more receives, waits for work) → `closed`; from `receiving` also
 * to `failed`: the gateway said never.
 */
export class QueueConsumer<Body> implements Consumer<Body> {
  readonly queue: string;
  readonly #settings: ConsumerSettings;
  readonly #surroundings: ConsumerSurroundings;
  readonly #tokenIsAsked: boolean;
  readonly #onProblem: ConsumerOptions['onProblem'];
  readonly #calls: GatewayCalls;
  readonly #settler: Settler;
  readonly #completer: Completer;
  readonly #stock: Stock<Body>;
  readonly #abandoned = createDeferred<undefined>();
  #loops = 0;
  #runs = 0;
  #receiving: Promise<void> | undefined;
  #interruption = new AbortController();
  #closing: Promise<void> | undefined;
  #failure: FieldpostError | undefined;

  constructor(options: Omit<ConsumerOptions, 'parse'>, parse: (body: unknown) => Body) {
    this.#settings = readConsumerOptions(options);
    this.queue = this.#settings.queue;
    this.#surroundings = runtimeSurroundings(options.surroundings);
    this.#tokenIsAsked = typeof options.token === 'function';
    this.#onProblem = options.onProblem;
    this.#calls = new GatewayCalls(options, this.#surroundings);
    const report = (problem: ConsumerProblem): void => this.#report(problem);
    const common = {
      calls: this.#calls,
      surroundings: this.#surroundings,
      tokenIsAsked: this.#tokenIsAsked,
      report,
    };
    this.#settler = new Settler({ ...common, leaseMs: this.#settings.leaseMs });
    this.#completer = new Completer(common);
    this.#stock = new Stock({
      settings: this.#settings,
      clock: this.#surroundings.clock,
      settler: this.#settler,
      completer: this.#completer,
      parse,
      report,
      fail: (error) => this.#fail(error),
    });
    closeOnAbort(options.signal, () => this.close());
  }

  [Symbol.asyncIterator](): AsyncIterator<ReceivedMessage<Body>, undefined> {
    const loop = this.#createLoop();
    return {
      next: async () => {
        const taken = await loop.take();
        return taken === undefined ? { done: true, value: undefined } : { done: false, value: taken.message };
      },
      return: async () => {
        loop.leave();
        return { done: true, value: undefined };
      },
    };
  }

  async run(handler: (message: ReceivedMessage<Body>) => unknown): Promise<void> {
    const loop = this.#createLoop();
    const working = new Set<Promise<void>>();
    this.#runs += 1;
    try {
      for (;;) {
        const taken = loop.takeNow() ?? (await loop.take());
        if (taken === undefined) break;
        const work: Promise<void> = this.#handle(handler, taken).finally(() => working.delete(work));
        working.add(work);
      }
    } finally {
      this.#runs -= 1;
      loop.leave();
      await Promise.race([Promise.allSettled(working), this.#abandoned.promise]);
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  close({ timeoutMs = closeTimeoutMsDefault }: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  async #close(timeoutMs: number): Promise<void> {
    // One turn later `#closing` is set, and whoever is woken below sees it.
    await Promise.resolve();
    const cancel = this.#surroundings.clock.schedule(timeoutMs, () => {
      this.#stock.abandon(timeoutMs);
      this.#settler.stop();
      this.#completer.stop();
      this.#abandoned.resolve(undefined);
    });
    this.#stopReceiving();
    this.#stock.dismiss(() => true);
    await this.#receiving;
    await this.#stock.finished();
    await this.#settler.idle();
    this.#stock.stop();
    cancel();
  }

  #createLoop(): Loop<Body> {
    const own = new Set<Taker<Body>>();
    let state: 'new' | 'running' | 'left' = 'new';
    const leave = (): void => {
      if (state === 'running') this.#loops -= 1;
      state = 'left';
      this.#stock.dismiss((taker) => own.has(taker));
      if (this.#loops === 0) this.#stopReceiving();
    };
    const take = (): Promise<HandedOut<Body> | undefined> => {
      if (state === 'left' || this.#closing !== undefined) return Promise.resolve(undefined);
      if (this.#failure !== undefined) return Promise.reject(this.#failure);
      if (state === 'new') this.#loops += 1;
      state = 'running';
      const taker = createDeferred<HandedOut<Body> | undefined>();
      own.add(taker);
      this.#stock.take(taker);
      this.#receiving ??= this.#receive();
      return taker.promise.finally(() => own.delete(taker));
    };
    const isOpen = (): boolean =>
      state === 'running' && this.#closing === undefined && this.#failure === undefined;
    return { take, takeNow: () => (isOpen() ? this.#stock.takeNow() : undefined), leave };
  }

  /** Receives whenever there is a loop and room; ends when the consumer closes or fails. */
  async #receive(): Promise<void> {
    let failures = 0;
    while (this.#closing === undefined && this.#failure === undefined) {
      const max = this.#stock.room(this.#runs > 0);
      if (max === 0 || this.#loops === 0) {
        await this.#stock.changes.wait();
        // Room for one seldom comes alone: what else is settled in this turn counts, too.
        await new Promise<void>((resolve) => {
          this.#surroundings.nextTurn(resolve);
        });
        continue;
      }
      this.#interruption = new AbortController();
      const { signal } = this.#interruption;
      try {
        const { leaseMs, waitMs } = this.#settings;
        this.#stock.add(await this.#calls.receive({ max, leaseMs, waitMs }, signal));
        // Whoever left meanwhile wants nothing of it.
        if (signal.aborted) this.#stock.releaseBuffer();
        failures = 0;
      } catch (error) {
        if (signal.aborted) continue;
        failures += 1;
        await this.#backOff(error, failures, signal);
      }
    }
  }

  async #backOff(error: unknown, failures: number, signal: AbortSignal): Promise<void> {
    if (!isWorthRepeating(error, this.#tokenIsAsked)) {
      this.#fail(error);
      return;
    }
    const asked = error instanceof CallRefused ? (error.retryAfterMs ?? 0) : 0;
    const retryInMs = Math.max(asked, backoffDelayMs(failures, this.#surroundings.jitter()));
    this.#report({ kind: 'call-failed', error, retryInMs });
    await pause(this.#surroundings.clock, retryInMs, signal);
  }

  async #handle(
    handler: (message: ReceivedMessage<Body>) => unknown,
    { held, message }: HandedOut<Body>,
  ): Promise<void> {
    try {
      await handler(message);
    } catch (error) {
      if (!held.isSettled) this.#stock.giveBack(held, 'handler-failed', error);
      return;
    }
    if (!held.isSettled) await held.settle({ type: 'ack' }).catch((error: unknown) => this.#fail(error));
  }

  #stopReceiving(): void {
    this.#interruption.abort();
    this.#stock.releaseBuffer();
  }

  #fail(error: unknown): void {
    this.#failure ??= error instanceof FieldpostError ? error : unexpected(error);
    this.#stopReceiving();
    this.#stock.dismiss(() => true, this.#failure);
  }

  /** A listener that throws must not stop the work. */
  #report(problem: ConsumerProblem): void {
    try {
      this.#onProblem?.(problem);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}

function closeOnAbort(signal: AbortSignal | undefined, close: () => Promise<void>): void {
  const closeQuietly = (): void => {
    close().catch(() => undefined);
  };
  if (signal?.aborted === true) closeQuietly();
  else signal?.addEventListener('abort', closeQuietly, { once: true });
}

function unexpected(cause: unknown): FieldpostError {
  return new FieldpostError('internal', `the consumer failed: ${String(cause)}`, { cause });
}
