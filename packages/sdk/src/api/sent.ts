import type { MessageId } from '@fieldpost/protocol';

/**
 * A message that is saved on this device.
 *
 * @since 0.1.0
 */
export interface Sent {
  readonly id: MessageId;
  readonly queue: string;
  readonly priority: number;
  /**
   * What became of it. Resolves when the gateway's answer is written down on this device; never rejects. After a reload,
   * `outbox.get(id)` gives it again.
   */
  readonly delivered: Promise<Delivery>;
  /**
   * Takes the message back. Resolves when it is known for sure how that went: at once for a message that was never sent,
   * online or not; else when the gateway has answered, and until then its number stands for nothing but the question.
   *
   * @returns what became of it; `already-delivered` and `set-aside` change nothing
   * @throws FieldpostError `storage-full`, `storage-failed`; `closed` when this object was closed before it was known: the
   *   message is taken back all the same, if it is not too late
   * @since 0.1.0
   */
  cancel(): Promise<CancelOutcome>;
}

/**
 * - `cancelled`: no queue has the message, and none will.
 * - `already-delivered`: the gateway has it.
 * - `set-aside`: it was refused, has expired, or is unreadable or in doubt; it stands in `outbox.list()`.
 */
export type CancelOutcome = 'cancelled' | 'already-delivered' | 'set-aside';

/**
 * What became of a message:
 *
 * - `delivered`: the gateway has it, once, durably.
 * - `refused`: the gateway will never take it, `code` says why. It is in `outbox.list({ state: 'refused' })` with its body.
 * - `expired`: its time to reach the queue, or to live, ran out before that. It is in `outbox.list({ state: 'expired' })` with its
 *   body.
 * - `cancelled`: `cancel()` took it back in time.
 * - `unreadable`: the saved copy was damaged; its number was skipped.
 * - `in-doubt`: whether the gateway has it cannot be known. It is kept with its body.
 * - `closed`: this object was closed before the answer came; the message waits for the next `connect()`.
 */
export type Delivery =
  | { readonly outcome: 'delivered' }
  | { readonly outcome: 'refused'; readonly code: string }
  | { readonly outcome: 'expired'; readonly code: string }
  | { readonly outcome: 'cancelled' }
  | { readonly outcome: 'unreadable'; readonly code: string }
  | { readonly outcome: 'in-doubt'; readonly code: string }
  | { readonly outcome: 'closed' };
