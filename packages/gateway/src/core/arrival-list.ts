import type { Change, NewMessage } from '../ports/gateway-store.ts';
import type { Arrival } from './route-arrival.ts';

/** Collects what arrives in one transaction, each queue's messages in order. */
export class ArrivalList {
  readonly #byQueue = new Map<string, NewMessage[]>();
  #messages = 0;

  /** Messages that were sent; however many queues each came into. */
  get messages(): number {
    return this.#messages;
  }

  /** Adds one sent message, wherever it goes. */
  add(arrivals: readonly Arrival[]): void {
    this.#messages += 1;
    for (const { queue, message } of arrivals) {
      const list = this.#byQueue.get(queue.name);
      if (list === undefined) this.#byQueue.set(queue.name, [message]);
      else list.push(message);
    }
  }

  *changes(): Generator<Extract<Change, { type: 'append' }>> {
    for (const [queue, messages] of this.#byQueue) yield { type: 'append', queue, messages };
  }
}
