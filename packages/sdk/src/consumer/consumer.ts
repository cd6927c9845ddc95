import type { ReceivedMessage } from './received-message.ts';

/**
 * Receives the messages of one queue; what {@link createConsumer} returns.
 *
 * @since 0.1.0
 */
export interface Consumer<Body = unknown> extends AsyncIterable<ReceivedMessage<Body>> {
  readonly queue: string;

  /**
   * Messages one after the other, in queue order. At most `concurrency` of them are handed out and not settled; several
   * loops over one consumer share them. Leaving the last loop releases what was prefetched. The loop ends when the
   * consumer is closed.
   *
   * @throws FieldpostError when the gateway will never hand out messages: `access-denied`, `queue-not-found`,
   *   `unauthorized` where `token` is a text. All else is repeated, with backoff, and told to `onProblem`.
   * @since 0.1.0
   */
  [Symbol.asyncIterator](): AsyncIterator<ReceivedMessage<Body>, undefined>;

  /**
   * Works on up to `concurrency` messages at once. A message is acknowledged when `handler` is done with it, and tried
   * again later when it threw; one that the handler settled itself is left alone.
   *
   * @returns when the consumer was closed and the last handler is done
   * @throws FieldpostError as the loop does
   * @since 0.1.0
   */
  run(handler: (message: ReceivedMessage<Body>) => unknown): Promise<void>;

  /**
   * Receives no more, releases what was prefetched, and waits for what is being worked on, and for its settlement. Await
   * it outside the loop: a message that nobody settles holds it up for `timeoutMs` (default 30,000), then it is
   * abandoned and its lease runs out.
   *
   * @since 0.1.0
   */
  close(options?: { readonly timeoutMs?: number }): Promise<void>;
}
