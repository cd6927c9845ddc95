import { setTimeout as delay } from 'node:timers/promises';
import { type Consumer, createConsumer, type ReceivedMessage } from '@fieldpost/sdk/consumer';
import { ORDERS_QUEUE } from '../src/order/order.ts';
import type { Books } from './books.ts';
import type { GatewayClient } from './gateway-client.ts';
import { readOrder } from './read-order.ts';

const startAgainAfterMs = 1_000;
const concurrency = 16;

export interface ClerkOptions {
  readonly gateway: GatewayClient;
  readonly books: Books;
  /** Called after each message that was dealt with, and when booking was paused or goes on. */
  readonly onChange: () => void;
  /** Called with what goes wrong and is tried again. */
  readonly onProblem: (error: unknown) => void;
}

/** Takes orders out of the queue and books them, until it is paused or stopped. */
export class Clerk {
  readonly #options: ClerkOptions;
  #work: { readonly stop: AbortController; readonly done: Promise<void> } | undefined;

  constructor(options: ClerkOptions) {
    this.#options = options;
  }

  get state(): 'on' | 'paused' {
    return this.#work === undefined ? 'paused' : 'on';
  }

  resume(): void {
    if (this.#work !== undefined) return;
    const stop = new AbortController();
    this.#work = { stop, done: this.#run(stop.signal) };
    this.#options.onChange();
  }

  /** Resolves when the order at hand is booked and acknowledged. */
  async pause(): Promise<void> {
    const work = this.#work;
    if (work === undefined) return;
    this.#work = undefined;
    work.stop.abort();
    this.#options.onChange();
    await work.done;
    this.#options.onChange();
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#options.gateway.ensureQueue();
        await this.#consume(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#options.onProblem(error);
        await delay(startAgainAfterMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async #consume(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { gateway, onProblem } = this.#options;
    const consumer: Consumer = createConsumer({
      gateway: gateway.url,
      token: () => gateway.officeToken(),
      queue: ORDERS_QUEUE,
      concurrency,
      signal,
      onProblem: ({ error }) => onProblem(error),
    });
    await consumer.run((message) => this.#deal(message));
  }

  /** Books a message, or sets it aside, on disk before this returns; only then is it acknowledged. */
  #deal(message: ReceivedMessage): void {
    const { books, onChange } = this.#options;
    const read = readOrder(message.body);
    if ('order' in read)
      books.book({ messageId: message.id, arrivedAt: message.arrivedAt, order: read.order }, new Date());
    else books.setAside(message.id, message.body, read.reason);
    onChange();
  }
}
