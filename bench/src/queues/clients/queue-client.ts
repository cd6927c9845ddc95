import type { Order } from '../../orders.ts';

/** What travels: an order of about 300 bytes, with a number by which losses and doubles show. */
export interface QueueMessage extends Order {
  readonly number: number;
}

export interface ConsumerCount {
  readonly consumers: number;
  /** Messages that each consumer takes at once: its concurrency, its prefetch, or its batch, by what the contestant has. */
  readonly atOnce: number;
}

export type Handle = (message: QueueMessage) => void;

/** A contestant's own client, used as its documentation advises for throughput. */
export interface QueueClient {
  /** The server's version, and its durability as it says itself. */
  describe(): Promise<string>;
  /** Sends these together; resolves when the server has said that all are durable. */
  enqueue(messages: readonly QueueMessage[]): Promise<void>;
  /** Connects consumers, which take nothing before they are run. */
  openConsumers(count: ConsumerCount): Promise<Consumers>;
  /** Messages that wait; only right while nobody consumes. */
  count(): Promise<number>;
  close(): Promise<void>;
}

export interface Consumers {
  /** Takes, handles and acknowledges; resolves when the server has acknowledged so many messages. */
  run(messages: number, handle: Handle): Promise<void>;
  /** Gives back what was taken too much. */
  close(): Promise<void>;
}

/** Counts acknowledgements up to a number. */
export class Countdown {
  readonly reached: Promise<void>;
  readonly fail: (reason: Error) => void;
  readonly #resolve: () => void;
  #left: number;

  constructor(count: number) {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.reached = promise;
    this.fail = reject;
    this.#resolve = resolve;
    this.#left = count;
  }

  get isReached(): boolean {
    return this.#left <= 0;
  }

  note(count: number): void {
    this.#left -= count;
    if (this.#left <= 0) this.#resolve();
  }
}
