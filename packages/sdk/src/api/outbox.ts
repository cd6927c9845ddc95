import type { MessageId } from '@fieldpost/protocol';
import type { AckLevel } from './queue.ts';
import type { CancelOutcome, Sent } from './sent.ts';

/**
 * The messages that this device still knows: those that wait, those set aside, and for three days those delivered.
 *
 * @since 0.1.0
 */
export interface Outbox {
  /**
   * Messages that wait or were set aside, oldest first, from all tabs of this subject.
   *
   * @since 0.1.0
   */
  list(filter?: OutboxFilter): Promise<readonly OutboxMessage[]>;

  /** A message by its id, whatever its state; undefined when this device does not know it (any more). @since 0.1.0 */
  get(id: MessageId | string): Promise<OutboxMessage | undefined>;

  /**
   * Sends a message that was set aside once more, as a new message that names the old one in `replaces`, and forgets the
   * old one when the new one is saved.
   *
   * @param body another body in place of the old one
   * @throws FieldpostError `not-found` when the id is not set aside here, `not-serialisable` when its body is damaged and
   *   none is given, and as `send` does
   * @since 0.1.0
   */
  retry(id: MessageId | string, body?: unknown): Promise<Sent>;

  /**
   * Takes a message back, as `Sent.cancel()` does.
   *
   * @throws FieldpostError `not-found` when this device does not know the id, and as `Sent.cancel()` does
   * @since 0.1.0
   */
  cancel(id: MessageId | string): Promise<CancelOutcome>;

  /** Forgets a message that was set aside. Resolves with whether it was there. @since 0.1.0 */
  discard(id: MessageId | string): Promise<boolean>;
}

export interface OutboxFilter {
  /** Default: all but `delivered` and `cancelled`, which are not listed. */
  readonly state?: Exclude<OutboxMessageState, 'delivered' | 'cancelled'>;
  readonly queue?: string;
  /** At most so many. Default 1000. */
  readonly limit?: number;
}

export type OutboxMessageState =
  | 'pending'
  | 'delivered'
  | 'refused'
  | 'expired'
  | 'cancelled'
  | 'unreadable'
  | 'in-doubt';

/** A message on this device. */
export interface OutboxMessage extends Sent {
  readonly state: OutboxMessageState;
  /** Why it was set aside. */
  readonly code?: string;
  /** Unix milliseconds of this device. */
  readonly savedAt: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType: string;
  /** The rest as it was given to `send`. */
  readonly label?: string | undefined;
  readonly correlationId?: string | undefined;
  readonly replyTo?: string | undefined;
  readonly timeToReachQueueMs?: number | undefined;
  readonly timeToLiveMs?: number | undefined;
  readonly deliverAfterMs?: number | undefined;
  readonly groupId?: string | undefined;
  readonly ack?: AckLevel | undefined;
  readonly traceparent?: string | undefined;
  /** The id of the message that was set aside and that this one took the place of; see {@link Outbox.retry}. */
  readonly replaces?: string | undefined;
  /**
   * The body as it was sent: parsed JSON, text, or bytes. Undefined when the saved copy is damaged, and of a message that
   * was taken back.
   */
  readonly body: unknown;
}
