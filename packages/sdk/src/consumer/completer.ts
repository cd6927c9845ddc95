import { backoffDelayMs } from '@fieldpost/protocol';
import { FieldpostError } from '../core/fieldpost-error.ts';
import type { ConsumerProblem } from './consumer-problem.ts';
import { CallRefused, type GatewayCalls, isWorthRepeating } from './gateway-calls.ts';
import type { SettleOutcome } from './settler.ts';
import { type ConsumerSurroundings, pause } from './surroundings.ts';

/** What a completion needs to know of the lease that it ends. */
export interface CompletedLease {
  /** Whether somebody else may have the message by now, as far as this side knows. */
  isOver(): boolean;
}

const retryFirstMs = 200;
const retryMaxMs = 5000;

/**
 * Completes messages: each one a transaction of its own, repeated until the gateway's word on it is known. The gateway
 * answers a repetition as the first time, so an answer that was lost is got again, also when the lease is long over.
 */
export class Completer {
  readonly #calls: GatewayCalls;
  readonly #surroundings: ConsumerSurroundings;
  readonly #tokenIsAsked: boolean;
  readonly #report: (problem: ConsumerProblem) => void;
  readonly #stopped = new AbortController();

  constructor(options: {
    readonly calls: GatewayCalls;
    readonly surroundings: ConsumerSurroundings;
    readonly tokenIsAsked: boolean;
    readonly report: (problem: ConsumerProblem) => void;
  }) {
    this.#calls = options.calls;
    this.#surroundings = options.surroundings;
    this.#tokenIsAsked = options.tokenIsAsked;
    this.#report = options.report;
  }

  /** Rejects when the gateway will never take it; nothing was done then. */
  async complete(request: string, lease: CompletedLease): Promise<SettleOutcome> {
    // Whether an earlier attempt may have been carried out: then only the gateway can tell, however late.
    let isUncertain = false;
    for (let failures = 1; ; failures++) {
      try {
        await this.#calls.transact(request, this.#stopped.signal);
        return 'settled';
      } catch (error) {
        if (error instanceof FieldpostError && error.code === 'lease-lost') return 'lease-lost';
        if (!isWorthRepeating(error, this.#tokenIsAsked)) throw error;
        isUncertain ||= error.outcome === 'unknown';
        if (this.#stopped.signal.aborted) return isUncertain ? 'unknown' : 'lease-lost';
        if (!isUncertain && lease.isOver()) return 'lease-lost';
        await this.#backOff(error, failures);
      }
    }
  }

  /** Gives up: what is asked for is `unknown`. */
  stop(): void {
    this.#stopped.abort();
  }

  async #backOff(error: FieldpostError, failures: number): Promise<void> {
    const asked = error instanceof CallRefused ? (error.retryAfterMs ?? 0) : 0;
    const jitter = this.#surroundings.jitter();
    const retryInMs = Math.max(asked, backoffDelayMs(failures, jitter, retryFirstMs, retryMaxMs));
    this.#report({ kind: 'call-failed', error, retryInMs });
    await pause(this.#surroundings.clock, retryInMs, this.#stopped.signal);
  }
}
