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
}

/**
 * What became of a message:
 *
 * - `delivered`: the gateway has it, once, durably.
 * - `refused`: the gateway will never take it, `code` says why. It is in `outbox.list({ state: 'refused' })` with its body.
 * - `unreadable`: the saved copy was damaged; its number was skipped.
 * - `in-doubt`: whether the gateway has it cannot be known. It is kept with its body.
 * - `closed`: this object was closed before the answer came; the message waits for the next `connect()`.
 */
export type Delivery =
  | { readonly outcome: 'delivered' }
  | { readonly outcome: 'refused'; readonly code: string }
  | { readonly outcome: 'unreadable'; readonly code: string }
  | { readonly outcome: 'in-doubt'; readonly code: string }
  | { readonly outcome: 'closed' };
