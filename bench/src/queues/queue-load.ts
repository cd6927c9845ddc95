import { perSecond } from '../measure/sample.ts';
import { makeOrders } from '../orders.ts';
import { connectQueue } from './clients/connect-queue.ts';
import type { ConsumerCount, QueueClient, QueueMessage } from './clients/queue-client.ts';
import type { QueueTarget } from './queue-contestant.ts';

export interface EnqueueRequest {
  readonly messages: number;
  /** Messages sent together. */
  readonly batch: number;
  /** Batches under way at once. */
  readonly inFlight: number;
}

export interface ConsumeRequest extends ConsumerCount {
  readonly messages: number;
  /** Whether these are all messages of the queue, so that each has to come once. */
  readonly isAll: boolean;
}

/** Different bodies; more of them would only take longer to make. */
const bodiesMade = 1000;

/** Producers and consumers of one contestant, with the clock. */
export class QueueLoad {
  readonly #client: QueueClient;
  readonly #bodies: ReturnType<typeof makeOrders>;

  constructor(client: QueueClient, seed: number) {
    this.#client = client;
    this.#bodies = makeOrders(seed, bodiesMade);
  }

  static async connect(target: QueueTarget, seed: number): Promise<QueueLoad> {
    return new QueueLoad(await connectQueue(target), seed);
  }

  async describe(): Promise<string> {
    return this.#client.describe();
  }

  /** Messages per second, from the first batch to the last answer. */
  async enqueue({ messages, batch, inFlight }: EnqueueRequest): Promise<number> {
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < messages) {
        const first = next;
        next = Math.min(messages, first + batch);
        await this.#client.enqueue(
          Array.from({ length: next - first }, (_, index) => this.#message(first + index)),
        );
      }
    };
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: inFlight }, lane));
    return perSecond(messages, performance.now() - startedAt);
  }

  /** Messages per second, from the start of connected consumers to the last acknowledgement. */
  async consume({ messages, isAll, ...count }: ConsumeRequest): Promise<number> {
    const seen = new Set<number>();
    const consumers = await this.#client.openConsumers(count);
    const startedAt = performance.now();
    await consumers.run(messages, ({ number }) => seen.add(number));
    const rate = perSecond(messages, performance.now() - startedAt);
    await consumers.close();
    const left = isAll ? await this.#client.count() : 0;
    if (isAll && (seen.size !== messages || left !== 0))
      throw new Error(`${seen.size} of ${messages} different messages were handled, ${left} are left`);
    return rate;
  }

  async count(): Promise<number> {
    return this.#client.count();
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  #message(number: number): QueueMessage {
    const order = this.#bodies[number % this.#bodies.length];
    if (order === undefined) throw new RangeError('no bodies were made');
    return { ...order, number };
  }
}
