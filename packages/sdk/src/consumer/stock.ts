import type { MessageId } from '@fieldpost/protocol';
import { FieldpostError } from '../core/fieldpost-error.ts';
import type { Completer } from './completer.ts';
import { CONSUMER_LIMITS, type ConsumerSettings } from './consumer-options.ts';
import type { ConsumerProblem } from './consumer-problem.ts';
import { Changes } from './deferred.ts';
import { HeldMessage } from './held-message.ts';
import { LeaseKeeper, type LeaseEnd } from './lease-keeper.ts';
import type { LeasedMessage } from './receive-answer.ts';
import type { ReceivedMessage } from './received-message.ts';
import type { Settlement, Settler, SettleOutcome } from './settler.ts';
import type { ConsumerSurroundings } from './surroundings.ts';

export interface HandedOut<Body> {
  readonly held: HeldMessage;
  readonly message: ReceivedMessage<Body>;
}

/** A loop that waits for its next message. */
export interface Taker<Body> {
  readonly resolve: (taken: HandedOut<Body> | undefined) => void;
  readonly reject: (error: FieldpostError) => void;
}

export interface StockPorts<Body> {
  readonly settings: ConsumerSettings;
  readonly clock: ConsumerSurroundings['clock'];
  readonly settler: Settler;
  readonly completer: Completer;
  readonly parse: (body: unknown) => Body;
  readonly report: (problem: ConsumerProblem) => void;
  /** The gateway will never take a settlement. */
  readonly fail: (error: unknown) => void;
}

/**
 * The messages under lease: those that wait for a loop (the buffer) and those handed out. A message leaves when it is
 * settled, or when its lease is lost. Hands out the oldest first, never more than `concurrency` at once.
 */
export class Stock<Body> {
  /** Told when room appears or something leaves. */
  readonly changes = new Changes();
  readonly #ports: StockPorts<Body>;
  readonly #keeper: LeaseKeeper;
  readonly #handedOut = new Set<HeldMessage>();
  #buffer: HeldMessage[] = [];
  #takers: Taker<Body>[] = [];

  constructor(ports: StockPorts<Body>) {
    this.#ports = ports;
    const { leaseMs } = ports.settings;
    this.#keeper = new LeaseKeeper({
      clock: ports.clock,
      leaseMs,
      extend: (held) =>
        ports.settler.settle(held.leased.receipt, { type: 'extend', leaseMs }, held.leaseEndsAtMs),
      ended: (held, end) => this.#leaseEnded(held, end),
    });
  }

  /**
   * How many messages to lease with the next request: what loops wait for, and what is fetched in advance. None while
   * more than half of that is still there: few large requests cost less than many small ones.
   *
   * @param isEager whether a loop waits that works on as many messages as there may be at once
   */
  room(isEager: boolean): number {
    const { concurrency, prefetch } = this.#ports.settings;
    const free = concurrency - this.#handedOut.size;
    if (this.#buffer.length > prefetch / 2) return 0;
    const wanted = isEager ? free : Math.min(free, this.#takers.length);
    return Math.min(Math.max(0, wanted + prefetch - this.#buffer.length), CONSUMER_LIMITS.requestMessages);
  }

  add(arrived: readonly LeasedMessage[]): void {
    const { clock, settings } = this.#ports;
    const holder = {
      settle: (of: HeldMessage, settlement: Settlement) => this.#settle(of, settlement),
      complete: (of: HeldMessage, request: string) => this.#complete(of, request),
    };
    for (const leased of arrived) {
      const held = new HeldMessage(leased, holder, { nowMs: clock.monotonicMs(), ...settings });
      this.#keeper.keep(held);
      this.#buffer.push(held);
    }
    this.#handOut();
  }

  /** The next message, when one is there and nobody was before. */
  takeNow(): HandedOut<Body> | undefined {
    return this.#takers.length > 0 ? undefined : this.#next();
  }

  /** The taker gets the next message, or undefined when {@link dismiss} comes first. */
  take(taker: Taker<Body>): void {
    this.#takers.push(taker);
    this.#handOut();
    this.changes.tell();
  }

  dismiss(which: (taker: Taker<Body>) => boolean, error?: FieldpostError): void {
    const dismissed = this.#takers.filter((taker) => which(taker));
    this.#takers = this.#takers.filter((taker) => !dismissed.includes(taker));
    for (const taker of dismissed) {
      if (error === undefined) taker.resolve(undefined);
      else taker.reject(error);
    }
  }

  releaseBuffer(): void {
    const released = this.#buffer;
    this.#buffer = [];
    // What cannot be given back comes back by itself when its lease ends.
    for (const held of released) held.settle({ type: 'release' }).catch(() => undefined);
    this.changes.tell();
  }

  /** Gives a message back that could not be worked on. */
  giveBack(held: HeldMessage, kind: 'bad-body' | 'handler-failed', error: unknown): void {
    const { settings, report, fail } = this.#ports;
    const delayMs = Math.round(settings.retryDelayMs(held.leased.deliveryCount));
    const retryInMs = Number.isSafeInteger(delayMs) ? Math.max(0, delayMs) : 0;
    report({ kind, error, messageId: held.id, retryInMs });
    held.settle({ type: 'nack', delayMs: retryInMs }).catch(fail);
  }

  /** Resolves when nothing is handed out any more. */
  async finished(): Promise<void> {
    while (this.#handedOut.size > 0) await this.changes.wait();
  }

  /** Lets go of everything that is handed out; its leases run out by themselves. */
  abandon(waitedMs: number): void {
    for (const held of this.#handedOut) {
      const text = `close() waited ${waitedMs} ms for message ${held.id}, which nobody settled`;
      const error = new FieldpostError('closed', text);
      held.lose(error);
      this.#ports.report({ kind: 'abandoned', error, messageId: held.id });
    }
    this.#handedOut.clear();
    this.stop();
    this.changes.tell();
  }

  stop(): void {
    this.#keeper.stop();
  }

  #handOut(): void {
    while (this.#takers.length > 0) {
      const next = this.#next();
      if (next === undefined) return;
      this.#takers.shift()?.resolve(next);
    }
  }

  #next(): HandedOut<Body> | undefined {
    const { settings, clock } = this.#ports;
    while (this.#handedOut.size < settings.concurrency) {
      const held = this.#buffer.shift();
      if (held === undefined) return undefined;
      const message = this.#expose(held);
      if (message === undefined) continue;
      held.renewUntilMs = clock.monotonicMs() + settings.renewForMs;
      this.#handedOut.add(held);
      return { held, message };
    }
    return undefined;
  }

  /** Undefined when its body does not parse: then it goes back. */
  #expose(held: HeldMessage): ReceivedMessage<Body> | undefined {
    const { parse, settings } = this.#ports;
    try {
      return held.expose(settings.queue, parse(held.leased.body));
    } catch (error) {
      this.giveBack(held, 'bad-body', error);
      return undefined;
    }
  }

  async #settle(held: HeldMessage, settlement: Settlement): Promise<SettleOutcome> {
    this.#remove(held);
    const { settler, report } = this.#ports;
    const outcome = await settler.settle(held.leased.receipt, settlement, held.leaseEndsAtMs);
    if (outcome !== 'settled' && !held.isLost) report(unsettled(held, settlement.type, outcome));
    return outcome;
  }

  /** It counts as worked on, and its lease is renewed, until the gateway's word is known: a queue may be full for long. */
  async #complete(held: HeldMessage, request: string): Promise<SettleOutcome> {
    const { completer, report } = this.#ports;
    let outcome: SettleOutcome;
    try {
      outcome = await completer.complete(request, { isOver: () => this.#isOver(held) });
    } catch (error) {
      // It is still there to be settled, unless its lease ended meanwhile.
      if (this.#isOver(held)) this.#loseLease(held, 'not-renewed');
      throw error;
    }
    if (outcome !== 'settled' && !held.isLost) {
      const problem = unsettled(held, 'completion', outcome);
      held.lose(problem.error);
      report(problem);
    }
    this.#remove(held);
    return outcome;
  }

  #isOver(held: HeldMessage): boolean {
    return !this.#keeper.keeps(held) || this.#ports.clock.monotonicMs() >= held.leaseEndsAtMs;
  }

  #leaseEnded(held: HeldMessage, end: LeaseEnd): void {
    // Its completion says what became of it: that may be what ended the lease.
    if (!held.isSettled) this.#loseLease(held, end);
  }

  #loseLease(held: HeldMessage, end: LeaseEnd): void {
    const { renewForMs } = this.#ports.settings;
    const how =
      end === 'renewed-enough'
        ? `was renewed for ${renewForMs} ms and no longer`
        : 'could not be renewed in time';
    const error = new FieldpostError('lease-lost', `the lease of message ${held.id} ${how}`);
    this.#buffer = this.#buffer.filter((other) => other !== held);
    held.lose(error);
    this.#ports.report({ kind: 'lease-lost', error, messageId: held.id });
    this.#remove(held);
  }

  #remove(held: HeldMessage): void {
    this.#keeper.letGo(held);
    this.#handedOut.delete(held);
    this.#handOut();
    this.changes.tell();
  }
}

function unsettled(
  held: HeldMessage,
  what: string,
  outcome: 'lease-lost' | 'unknown',
): Extract<ConsumerProblem, { readonly error: FieldpostError; readonly messageId: MessageId }> {
  const text = `the ${what} of message ${held.id}: its lease has ended`;
  if (outcome === 'lease-lost') {
    const error = new FieldpostError('lease-lost', `${text}, somebody else has the message, or will`);
    return { kind: 'lease-lost', error, messageId: held.id };
  }
  const error = new FieldpostError('lease-lost', `${text}, and whether it was done is not known`, {
    outcome: 'unknown',
  });
  return { kind: 'outcome-unknown', error, messageId: held.id };
}
