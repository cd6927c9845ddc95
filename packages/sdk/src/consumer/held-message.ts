import type { MessageId } from '@fieldpost/protocol';
import { FieldpostError } from '../core/fieldpost-error.ts';
import { type MessageToSend, transactionRequest } from './message-to-send.ts';
import type { LeasedMessage } from './receive-answer.ts';
import type { ReceivedMessage } from './received-message.ts';
import type { Settlement, SettleOutcome } from './settler.ts';

/** What a held message asks of its consumer. */
export interface Holder {
  settle(held: HeldMessage, settlement: Settlement): Promise<SettleOutcome>;
  /** Acknowledges it and sends what the request says; rejects when nothing was done, and never will be. */
  complete(held: HeldMessage, request: string): Promise<SettleOutcome>;
}

/** How the app settles a message. */
type SettlementType = Exclude<Settlement['type'], 'extend'> | 'completion';

/** A message under lease, from its arrival here until it is settled or lost. */
export class HeldMessage {
  /** On the monotonic clock, as far as this side can know: the gateway's word is the last. */
  leaseEndsAtMs: number;
  /** When the lease is to be renewed. */
  renewAtMs: number;
  /** From then on it is not renewed any more. */
  renewUntilMs: number;
  renewing = false;
  readonly leased: LeasedMessage;
  readonly #holder: Holder;
  #lostBecause: FieldpostError | undefined;
  /** Made when somebody listens: most messages are settled before anybody asks. */
  #lost: AbortController | undefined;
  #settlement: { readonly type: SettlementType; readonly outcome: Promise<SettleOutcome> } | undefined;

  constructor(
    leased: LeasedMessage,
    holder: Holder,
    times: { readonly nowMs: number; readonly leaseMs: number; readonly renewForMs: number },
  ) {
    this.leased = leased;
    this.#holder = holder;
    this.leaseEndsAtMs = times.nowMs + times.leaseMs;
    this.renewAtMs = times.nowMs + times.leaseMs / 3;
    this.renewUntilMs = times.nowMs + times.renewForMs;
  }

  get id(): MessageId {
    return this.leased.id;
  }

  /** Aborted when the lease is lost. */
  get signal(): AbortSignal {
    if (this.#lost === undefined) {
      this.#lost = new AbortController();
      if (this.#lostBecause !== undefined) this.#lost.abort(this.#lostBecause);
    }
    return this.#lost.signal;
  }

  get isLost(): boolean {
    return this.#lostBecause !== undefined;
  }

  /** Whether the work on it has come to an end, whatever the gateway will say. */
  get isSettled(): boolean {
    return this.#settlement !== undefined;
  }

  lose(reason: FieldpostError): void {
    this.#lostBecause ??= reason;
    this.#lost?.abort(reason);
  }

  settle(settlement: Exclude<Settlement, { readonly type: 'extend' }>): Promise<SettleOutcome> {
    return this.#settleOnce(settlement.type, () => this.#holder.settle(this, settlement));
  }

  /** Once it was refused, the message is there to be settled as before. */
  complete(queue: string, messages: readonly MessageToSend[]): Promise<SettleOutcome> {
    const request = transactionRequest({ queue, receipt: this.leased.receipt }, messages);
    return this.#settleOnce('completion', async () => {
      try {
        return await this.#holder.complete(this, request);
      } catch (error) {
        this.#settlement = undefined;
        throw error;
      }
    });
  }

  /** The first call decides; the same one again gives the same promise. */
  #settleOnce(type: SettlementType, begin: () => Promise<SettleOutcome>): Promise<SettleOutcome> {
    if (this.#settlement === undefined) {
      const outcome = begin();
      this.#settlement = { type, outcome };
      return outcome;
    }
    if (this.#settlement.type === type) return this.#settlement.outcome;
    const text = `message ${this.id} was already given its ${this.#settlement.type}; it cannot have a ${type} too`;
    return Promise.reject(new FieldpostError('invalid-argument', text));
  }

  /** What the app gets to see. */
  expose<Body>(queue: string, body: Body): ReceivedMessage<Body> {
    const signal = (): AbortSignal => this.signal;
    return {
      ...this.leased,
      queue,
      body,
      get signal() {
        return signal();
      },
      ack: () => this.settle({ type: 'ack' }),
      nack: async ({ delayMs = 0 } = {}) => this.settle({ type: 'nack', delayMs: checkedDelayMs(delayMs) }),
      release: () => this.settle({ type: 'release' }),
      complete: async ({ send = [] } = {}) => this.complete(queue, send),
    };
  }
}

function checkedDelayMs(delayMs: number): number {
  if (Number.isSafeInteger(delayMs) && delayMs >= 0) return delayMs;
  throw new FieldpostError(
    'invalid-argument',
    `delayMs: ${String(delayMs)} is not a whole number of milliseconds from 0`,
  );
}
