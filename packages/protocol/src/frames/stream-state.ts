import * as v from 'valibot';
import { LIMITS } from '../limits.ts';
import { code, count, epochId, messageId, number, priority, queueName } from './fields.ts';

/** What the gateway durably knows of one stream. */
export const streamState = v.pipe(
  v.object({
    epoch: epochId,
    queue: queueName,
    priority,
    /** The highest attempt of this stream that the gateway has seen in this session. */
    attempt: count,
    /** Every number up to this one is settled for good, and this state tells what became of it. */
    accepted: count,
    /** The id of the message numbered `accepted`; absent when that is 0. */
    acceptedId: v.optional(messageId),
    /** `refusals` and `skips` are complete above this number. A device whose own is lower ignores the state. */
    since: count,
    /** Messages refused for good: they took their number and are not in the queue. */
    refusals: v.optional(v.array(v.object({ number, id: messageId, code }))),
    /** Messages that the device said will never come. */
    skips: v.optional(v.array(v.object({ number, id: messageId, code }))),
    /**
     * The stream is settled up to here, above `accepted`: what became of the numbers between is told when `acknowledged`
     * has risen, because one answer tells of so many only. None of them need be pushed again.
     */
    taken: v.optional(number),
    /**
     * Numbers that no device had any more when the store had gone back in time, lowest first: they are settled, and empty.
     * A device that has one of them pushes it all the same.
     */
    lost: v.optional(
      v.pipe(
        v.array(
          v.pipe(
            v.object({ first: number, last: number }),
            v.check(({ first, last }) => first <= last, 'the first number is above the last'),
          ),
        ),
        v.maxLength(LIMITS.lostTold),
      ),
    ),
    /** Why nothing more is taken of this stream now, and after how long to try again. */
    stall: v.optional(v.object({ code, retryAfterMs: count })),
  }),
  // Without the id a device could not tell its own message from another under the same number.
  v.check(
    (state) => (state.accepted === 0) === (state.acceptedId === undefined),
    '`acceptedId` goes with an `accepted` above 0',
  ),
  v.check(
    (state) => state.taken === undefined || state.taken > state.accepted,
    '`taken` is above `accepted`, or absent',
  ),
);

export type StreamState = v.InferOutput<typeof streamState>;
