import type { Queue, SendOptions } from './queue.ts';

/**
 * Messages that are saved, sent and taken together, or not at all: what {@link Fieldpost.transaction} gives to its callback.
 *
 * @since 0.1.0
 */
export interface Transaction {
  /**
   * Adds a message, to any queue.
   *
   * @throws FieldpostError `not-serialisable`, `too-large`, `invalid-argument`; `closed` when the callback has returned.
   *   Thrown out of the callback, it leaves nothing saved of the whole transaction.
   * @since 0.1.0
   */
  send<Body>(queue: Queue<Body>, body: Body, options?: TransactionSendOptions): void;
}

/** As for `send`, but for an id of the app's. */
export type TransactionSendOptions = Omit<SendOptions, 'id'>;
