import * as v from 'valibot';
import { LIMITS } from '../limits.ts';
import { code, count, messageId, number } from './fields.ts';

/**
 * What became of messages behind their arrival, for the device that sent them and asked with `ack`. Kept by the gateway
 * until the device confirms it; no other follows before.
 */
export const fates = v.object({
  type: v.literal('fates'),
  /** The device's cursor is of another history than the gateway's: these count although their numbers are not above it. */
  restart: v.optional(v.literal(true)),
  /** In the order of their numbers; numbers may be missing. */
  fates: v.pipe(
    v.array(
      v.object({
        /** Counted up for each fate that the device is told. */
        number,
        /** Of the message. */
        id: messageId,
        code,
        /** Given by the consumer that refused it; for people. */
        reason: v.optional(v.pipe(v.string(), v.maxLength(LIMITS.detailCharacters))),
        /** How long ago it ended, in milliseconds of the gateway. */
        ageMs: count,
      }),
    ),
    v.minLength(1),
    v.maxLength(LIMITS.fatesHeard),
    v.check((told) => isRising(told), 'the numbers do not rise'),
  ),
});

function isRising(told: readonly { readonly number: number }[]): boolean {
  return told.every(({ number: one }, index) => one > (told[index - 1]?.number ?? 0));
}

export type Fates = v.InferOutput<typeof fates>;
