import type { MessageId, Rng } from '@fieldpost/protocol';
import { type Consumer, createConsumer, type ReceivedMessage } from '@fieldpost/sdk/consumer';
import type { FaultBook } from '../faults/fault-book.ts';
import { INVOICES, makeToken } from '../gateway/tokens.ts';
import type { History, InvoiceBody } from '../history.ts';
import type { Line } from '../network/line.ts';
import { createSimFetch } from '../network/sim-fetch.ts';
import type { SocketWorld } from '../network/sim-socket.ts';
import { SimProcess } from '../time/sim-process.ts';
import type { Timeline } from '../time/timeline.ts';
import type { Trace } from '../trace.ts';

export interface SimConsumerOptions {
  readonly name: string;
  readonly subject: string;
  readonly queue: string;
  readonly leaseMs: number;
  readonly concurrency: number;
  readonly waitMs: number;
  readonly workMs: number;
  readonly rng: Rng;
  readonly line: Line;
  readonly network: SocketWorld;
  readonly timeline: Timeline;
  readonly book: FaultBook;
  readonly history: History;
  readonly trace: Trace;
  /** The ids that consumers of this queue have booked: their common database. */
  readonly ledger: Set<MessageId>;
  readonly gatewayNow: () => number;
}

/** One start of the real consumer library, with work that takes its time and is done once for each id. */
export class SimConsumer {
  readonly process = new SimProcess();
  readonly #options: SimConsumerOptions;
  readonly #consumer: Consumer;

  constructor(options: SimConsumerOptions) {
    const { timeline, rng, queue, leaseMs, concurrency, waitMs } = options;
    this.#options = options;
    const send = createSimFetch(options.line, options.network);
    this.#consumer = createConsumer({
      gateway: 'http://gateway.test',
      token: () => makeToken(options.subject, options.gatewayNow() + 300_000),
      queue,
      leaseMs,
      // Longer than this nobody's work takes, unless it hangs.
      renewForMs: 3 * leaseMs,
      concurrency,
      waitMs,
      retryDelayMs: () => 200 + rng.below(2_000),
      surroundings: {
        fetch: (input, init) => this.#fetch(send, input, init),
        clock: {
          monotonicMs: () => timeline.nowMs,
          schedule: (delayMs, wake) => timeline.schedule(delayMs, () => this.process.reach(wake)),
        },
        jitter: () => rng.next(),
      },
    });
    this.#consumer
      .run((message) => this.#handle(message))
      .catch((error: unknown) => {
        if (this.process.isDead) return;
        options.history.scandals.push({
          checker: 'faultless',
          detail: `${options.name} ended: ${String(error)}`,
        });
      });
  }

  get name(): string {
    return this.#options.name;
  }

  /** The system closes what a dead process had open. */
  #fetch(send: typeof fetch, ...[input, init]: Parameters<typeof fetch>): Promise<Response> {
    const gone = new AbortController();
    const close = (): void => gone.abort();
    init?.signal?.addEventListener('abort', close, { once: true });
    const forget = this.process.onDeath(close);
    return this.process.hear(send(input, { ...init, signal: gone.signal }).finally(forget));
  }

  async #handle(message: ReceivedMessage): Promise<void> {
    const { rng, book, name, leaseMs, workMs, queue } = this.#options;
    if (book.takes('consumer-stalled', queue)) {
      // Longer than it renews its lease: by now the message is somebody else's.
      await this.#pause(leaseMs * 5);
    } else await this.#pause(rng.below(workMs + 1));
    if (book.takes('handler-failed', queue)) throw new Error('the work failed');
    this.#book(message);
    if (book.takes('consumer-killed-after-work', queue)) {
      this.process.kill();
      await new Promise(() => undefined);
    }
    this.#options.trace.note(this.#options.timeline.nowMs, 'booked', name, message.id);
    if (queue !== 'visits') return;
    const body: InvoiceBody = { visit: message.id };
    await message.complete({ send: [{ queue: INVOICES, body }] });
  }

  /** In one transaction of its own database: the id, and what the message asks for. */
  #book({ id, body }: ReceivedMessage): void {
    const { ledger, history, queue, name } = this.#options;
    if (ledger.has(id)) return;
    ledger.add(id);
    history.bookings.push({ id, queue, consumer: name, body, sequence: history.next() });
  }

  #pause(delayMs: number): Promise<void> {
    const { timeline } = this.#options;
    return new Promise((resolve) => {
      timeline.schedule(delayMs, () => this.process.reach(resolve));
    });
  }
}
