import { backoffDelayMs, unreachable } from '@fieldpost/protocol';
import { FieldpostError } from '../core/fieldpost-error.ts';
import { CONSUMER_LIMITS } from './consumer-options.ts';
import type { ConsumerProblem } from './consumer-problem.ts';
import { CallRefused, type GatewayCalls, isWorthRepeating } from './gateway-calls.ts';
import type { SettleRequest } from './settle-answer.ts';
import { type ConsumerSurroundings, pause } from './surroundings.ts';

/**
 * What became of a settlement:
 *
 * - `settled`: the gateway has it, durably.
 * - `lease-lost`: the lease had ended, so nothing was changed; the message goes, or went, to somebody else.
 * - `unknown`: the line broke before the answer, and the lease ended before it could be asked again.
 *
 * @since 0.1.0
 */
export type SettleOutcome = 'settled' | 'lease-lost' | 'unknown';

export type Settlement =
  | { readonly type: 'ack' }
  | { readonly type: 'release' }
  /** Without a time the queue's own retry delay counts. */
  | { readonly type: 'nack'; readonly delayMs: number | undefined }
  | { readonly type: 'reject'; readonly reason: string | undefined }
  | { readonly type: 'extend'; readonly leaseMs: number };

interface Waiting {
  readonly receipt: string;
  readonly settlement: Settlement;
  /** On the monotonic clock; asking again later is of no use. */
  readonly leaseEndsAtMs: number;
  /** Whether an earlier request with it may have been carried out. */
  uncertain: boolean;
  readonly resolve: (outcome: SettleOutcome) => void;
  readonly reject: (error: FieldpostError) => void;
}

/** Delays between attempts are shorter than for connections, because leases run out meanwhile. */
const retryFirstMs = 200;
const retriesPerLease = 4;
const retryMaxMs = 5000;

/** Settles receipts, many in one request: what is asked for while a request is on its way goes with the next. */
export class Settler {
  readonly #calls: GatewayCalls;
  readonly #surroundings: ConsumerSurroundings;
  readonly #tokenIsAsked: boolean;
  readonly #report: (problem: ConsumerProblem) => void;
  readonly #retryMaxMs: number;
  readonly #stopped = new AbortController();
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;

  constructor(options: {
    readonly calls: GatewayCalls;
    readonly surroundings: ConsumerSurroundings;
    readonly tokenIsAsked: boolean;
    readonly leaseMs: number;
    readonly report: (problem: ConsumerProblem) => void;
  }) {
    this.#calls = options.calls;
    this.#surroundings = options.surroundings;
    this.#tokenIsAsked = options.tokenIsAsked;
    this.#report = options.report;
    this.#retryMaxMs = Math.min(retryMaxMs, options.leaseMs / retriesPerLease);
  }

  /** Rejects only when the gateway will never take it: no permission, no such queue. */
  settle(receipt: string, settlement: Settlement, leaseEndsAtMs: number): Promise<SettleOutcome> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ receipt, settlement, leaseEndsAtMs, uncertain: false, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when nothing waits for an answer. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /** Gives up: what waits is `unknown`. */
  stop(): void {
    this.#stopped.abort();
  }

  async #run(): Promise<void> {
    // Whatever is settled in the same turn of the event loop goes into the same request.
    await new Promise<void>((resolve) => {
      this.#surroundings.nextTurn(resolve);
    });
    let failures = 0;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, CONSUMER_LIMITS.requestMessages);
      this.#waiting = this.#waiting.slice(batch.length);
      const error = await this.#attempt(batch);
      if (error === undefined) {
        failures = 0;
        continue;
      }
      failures += 1;
      if (this.#waiting.length > 0) await this.#backOff(error, failures);
    }
    this.#running = undefined;
  }

  /** Answers everyone in the batch, or puts them back and returns why. */
  async #attempt(batch: readonly Waiting[]): Promise<FieldpostError | undefined> {
    try {
      const results = await this.#calls.settle(requestOf(batch), this.#stopped.signal);
      const unanswered = batch.filter(({ receipt }) => !results.has(receipt));
      for (const waiting of batch) answer(waiting, results.get(waiting.receipt)?.code);
      return unanswered.length === 0 ? undefined : this.#putBack(unanswered, incomplete(unanswered));
    } catch (error) {
      if (isWorthRepeating(error, this.#tokenIsAsked)) return this.#putBack(batch, error);
      const reason = error instanceof FieldpostError ? error : unexpected(error);
      for (const { reject } of batch) reject(reason);
      return undefined;
    }
  }

  #putBack(batch: readonly Waiting[], error: FieldpostError): FieldpostError {
    const nowMs = this.#surroundings.clock.monotonicMs();
    const given: Waiting[] = [];
    for (const waiting of batch) {
      waiting.uncertain ||= error.outcome === 'unknown';
      if (nowMs < waiting.leaseEndsAtMs && !this.#stopped.signal.aborted) given.push(waiting);
      else waiting.resolve(waiting.uncertain ? 'unknown' : 'lease-lost');
    }
    this.#waiting = [...given, ...this.#waiting];
    return error;
  }

  async #backOff(error: FieldpostError, failures: number): Promise<void> {
    const asked = error instanceof CallRefused ? (error.retryAfterMs ?? 0) : 0;
    const jitter = this.#surroundings.jitter();
    const retryInMs = Math.max(asked, backoffDelayMs(failures, jitter, retryFirstMs, this.#retryMaxMs));
    this.#report({ kind: 'call-failed', error, retryInMs });
    await pause(this.#surroundings.clock, retryInMs, this.#stopped.signal);
  }
}

function requestOf(batch: readonly Waiting[]): SettleRequest {
  const ack: string[] = [];
  const release: string[] = [];
  const nack: { receipt: string; delayMs?: number }[] = [];
  const reject: { receipt: string; reason?: string }[] = [];
  const extend: { receipt: string; leaseMs: number }[] = [];
  for (const { receipt, settlement } of batch) {
    switch (settlement.type) {
      case 'ack':
        ack.push(receipt);
        break;
      case 'release':
        release.push(receipt);
        break;
      case 'nack':
        nack.push(settlement.delayMs === undefined ? { receipt } : { receipt, delayMs: settlement.delayMs });
        break;
      case 'reject':
        reject.push(settlement.reason === undefined ? { receipt } : { receipt, reason: settlement.reason });
        break;
      case 'extend':
        extend.push({ receipt, leaseMs: settlement.leaseMs });
        break;
      default:
        unreachable(settlement);
    }
  }
  return {
    ...(ack.length > 0 ? { ack } : {}),
    ...(nack.length > 0 ? { nack } : {}),
    ...(reject.length > 0 ? { reject } : {}),
    ...(extend.length > 0 ? { extend } : {}),
    ...(release.length > 0 ? { release } : {}),
  };
}

/** A lost lease after a request that may have been carried out says nothing: that request ended the lease itself, perhaps. */
function answer(waiting: Waiting, code: string | undefined): void {
  if (code === undefined) waiting.resolve('settled');
  else waiting.resolve(waiting.uncertain ? 'unknown' : 'lease-lost');
}

function incomplete(unanswered: readonly Waiting[]): FieldpostError {
  return new FieldpostError(
    'unreachable',
    `The answer leaves out ${unanswered.length} receipts of the request`,
    {
      outcome: 'unknown',
    },
  );
}

function unexpected(cause: unknown): FieldpostError {
  return new FieldpostError('internal', `settling failed: ${String(cause)}`, { cause });
}
