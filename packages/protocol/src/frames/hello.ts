import * as v from 'valibot';
import { LIMITS } from '../limits.ts';
import { isPlainText } from '../utf8.ts';
import {
  count,
  deviceId,
  epochId,
  fateCursor,
  generationId,
  number,
  priority,
  queueName,
  session,
} from './fields.ts';

/** The first frame of a connection: who the device is, and what it still holds. */
export const hello = v.object({
  type: v.literal('hello'),
  /** The lowest and the highest protocol version that the device speaks. */
  versions: v.pipe(
    v.strictTuple([number, number]),
    v.check(([lowest, highest]) => lowest <= highest, 'the lowest version is above the highest'),
  ),
  device: deviceId,
  /** The session of the last welcome, if there was one. An HTTP hello is a compare-and-set on it. */
  lastSession: v.optional(session),
  /** The session in force, as a fence has just told it: an HTTP hello that names it is welcomed, too. */
  takesOver: v.optional(session),
  /** The generation of the last welcome. */
  generation: v.optional(generationId),
  /** What the device calls itself: SDK and version, for logs and operators. */
  client: v.optional(
    v.pipe(v.string(), v.maxLength(LIMITS.clientCharacters), v.check(isPlainText, 'has control characters')),
  ),
  /**
   * Every stream with messages that are unacknowledged, or acknowledged and still on the device, and the number up to which
   * the device has heard of all: so a gateway whose store went back in time finds out, and the device sends them again.
   */
  streams: v.pipe(
    v.array(v.object({ epoch: epochId, queue: queueName, priority, acknowledged: count })),
    v.maxLength(LIMITS.helloStreams),
  ),
  /**
   * The device wants to hear the fates of the messages that asked, behind this one; without `heard`, from the first one that
   * is kept. A device that says nothing hears nothing.
   */
  fates: v.optional(v.object({ heard: v.optional(fateCursor) })),
  /** What waits on the device, for operators. */
  waiting: v.object({ messages: count, bytes: count, oldestAgeMs: count }),
});

export type Hello = v.InferOutput<typeof hello>;
