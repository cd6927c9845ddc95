import * as v from 'valibot';
import {
  type DeviceId,
  type EpochId,
  type GenerationId,
  hexFromBytes,
  isQueueName,
  type MessageId,
  type SessionNonce,
  uuidFromBytes,
} from '../ids.ts';
import { LIMITS } from '../limits.ts';

/** A whole number from 0 to 2^53 − 1. MessagePack integers beyond lose digits on decoding, so they never pass. */
export const count = v.pipe(
  v.number(),
  v.safeInteger(),
  v.minValue(0),
  v.check(isNotMinusZero, 'minus zero'),
);

/** A message number: streams start at 1. */
export const number = v.pipe(v.number(), v.safeInteger(), v.minValue(1));

export const priority = v.pipe(count, v.maxValue(LIMITS.priorityMax));

export const queueName = v.pipe(v.string(), v.check(isQueueName, 'not a queue name'));

/** Bytes of one exact length. */
function bytes(length: number) {
  return v.pipe(
    v.instance(Uint8Array),
    v.check((value) => value.length === length, `not ${length} bytes`),
  );
}

export const messageId = v.pipe(
  bytes(16),
  v.transform((value) => uuidFromBytes(value) as MessageId),
);
export const deviceId = v.pipe(
  bytes(16),
  v.transform((value) => uuidFromBytes(value) as DeviceId),
);
export const generationId = v.pipe(
  bytes(16),
  v.transform((value) => uuidFromBytes(value) as GenerationId),
);
export const epochId = v.pipe(
  bytes(16),
  v.transform((value) => hexFromBytes(value) as EpochId),
);

export const session = v.object({
  number,
  nonce: v.pipe(
    bytes(8),
    v.transform((value) => hexFromBytes(value) as SessionNonce),
  ),
});

/** A place in the fates that a device is told: the number of one, and the id of the message that it is of. */
export const fateCursor = v.object({ number, id: messageId });

export type FateCursor = v.InferOutput<typeof fateCursor>;

/** A code in a frame. A later version may know more of them: readers keep what they do not know as text. */
export const code = v.pipe(v.string(), v.regex(/^[a-z][a-z-]{0,63}$/, 'not a code'));

/** A float can say −0, which is no integer of MessagePack and would come back as 0. */
function isNotMinusZero(value: number): boolean {
  return !Object.is(value, -0);
}
