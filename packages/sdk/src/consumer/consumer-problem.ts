import type { MessageId } from '@fieldpost/protocol';
import type { FieldpostError } from '../core/fieldpost-error.ts';

/**
 * Something that went wrong and that the consumer deals with by itself.
 *
 * - `call-failed`: the gateway could not be reached, or said "later". The call is repeated after `retryInMs`.
 * - `lease-lost`: somebody else has, or will have, the message; what this consumer did with it may be done again.
 * - `outcome-unknown`: the line broke while the message was being settled and the lease ran out before the answer came.
 * - `bad-body`: `parse` threw. The message goes back and is tried again after `retryInMs`.
 * - `handler-failed`: the handler of `run` threw. The message goes back and is tried again after `retryInMs`.
 * - `abandoned`: `close()` did not wait any longer for work on this message; its lease runs out by itself.
 *
 * @since 0.1.0
 */
export type ConsumerProblem =
  | { readonly kind: 'call-failed'; readonly error: FieldpostError; readonly retryInMs: number }
  | {
      readonly kind: 'lease-lost' | 'outcome-unknown' | 'abandoned';
      readonly error: FieldpostError;
      readonly messageId: MessageId;
    }
  | {
      readonly kind: 'bad-body' | 'handler-failed';
      /** What was thrown. */
      readonly error: unknown;
      readonly messageId: MessageId;
      readonly retryInMs: number;
    };
