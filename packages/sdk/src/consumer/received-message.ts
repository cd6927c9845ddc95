import type { MessageId } from '@fieldpost/protocol';
import type { MessageToSend } from './message-to-send.ts';
import type { SettleOutcome } from './settler.ts';

/**
 * A message that this consumer holds the lease of. Settle it with `ack`, `complete`, `nack` or `release`, once: until then its
 * lease is renewed.
 *
 * Handing out is at least once: a message can come again, here or elsewhere, when its lease was lost. Its `id` stays the
 * same, so work done in a database of your own is done once when it writes the id in the same transaction.
 *
 * @since 0.1.0
 */
export interface ReceivedMessage<Body = unknown> {
  readonly id: MessageId;
  readonly queue: string;
  /** Parsed JSON; a `Uint8Array` for every other content type. As `parse` returned it, where there is one. */
  readonly body: Body;
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly priority: number;
  /** How often the message was handed out, this time included: 1 unless it comes again. */
  readonly deliveryCount: number;
  /** Settles this lease over the HTTP API. Opaque. */
  readonly receipt: string;
  readonly label: string | undefined;
  readonly correlationId: string | undefined;
  readonly replyTo: string | undefined;
  readonly traceparent: string | undefined;
  /** The id of a refused message that this one takes the place of. */
  readonly replaces: string | undefined;
  /** The device that sent it; undefined when a server did. */
  readonly device: string | undefined;
  /** When it was sent, by the gateway's clock. */
  readonly sentAt: Date;
  /** When the gateway had it. */
  readonly arrivedAt: Date;

  /** Aborts with the reason when the lease is lost: whatever is still being done will be done again elsewhere. */
  readonly signal: AbortSignal;

  /**
   * The work is done: the message is removed from its queue.
   *
   * @returns `lease-lost` when somebody else has, or will have, the message; that is no error of the loop
   * @throws FieldpostError only when the gateway will never take it: `access-denied`, `queue-not-found`; and
   *   `invalid-argument` when the message was settled in another way before
   * @since 0.1.0
   */
  ack(): Promise<SettleOutcome>;

  /**
   * The work failed: the message goes back to its place and is handed out again, not before `delayMs` milliseconds
   * (default 0) have passed.
   *
   * @since 0.1.0
   */
  nack(options?: { readonly delayMs?: number }): Promise<SettleOutcome>;

  /** The work was not begun: the message goes back at once, and the hand-out is not counted. @since 0.1.0 */
  release(): Promise<SettleOutcome>;

  /**
   * The work is done, and these messages follow from it: the message is removed from its queue and they are sent, in one
   * transaction of the gateway. Either all of that happens, once, or nothing.
   *
   * Repeated by itself, while the lease is renewed, when the gateway cannot be reached or a queue is full or paused; an
   * answer that was lost is asked for again, also when the lease is over.
   *
   * @param options `send`: up to 1,024 messages, to any queues; none when left out
   * @returns `settled` when all of it was done; `lease-lost` when nothing was, because somebody else has, or will have,
   *   the message; `unknown` only when the consumer was closed before the gateway's answer came
   * @throws FieldpostError when a message will never be taken: `queue-not-found`, `access-denied`, `too-large`,
   *   `schema-mismatch`, `conflict`, `invalid-request`, `not-serialisable`, `invalid-argument`. Nothing was done then, and
   *   the message is still to be settled.
   * @since 0.1.0
   */
  complete(options?: { readonly send?: readonly MessageToSend[] }): Promise<SettleOutcome>;
}
