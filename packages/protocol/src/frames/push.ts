import * as v from 'valibot';
import { LIMITS } from '../limits.ts';
import {
  code,
  count,
  deviceId,
  epochId,
  generationId,
  messageId,
  number,
  priority,
  queueName,
  session,
} from './fields.ts';

/** Consecutive messages of one stream, as they were saved. */
export const run = v.object({
  epoch: epochId,
  queue: queueName,
  priority,
  /** The number of the first entry; the others follow it. */
  first: number,
  /** The number up to which the device has heard of all: the answer repeats every refusal and skip above it. */
  acknowledged: count,
  /** Raised at each rewind; an answer that carries a lower one is ignored. */
  attempt: count,
  /** How long ago the first message was saved, in milliseconds of the device. */
  ageMs: count,
  /** The last unacknowledged message before this run in save order, where another epoch holds it. */
  after: v.optional(v.object({ epoch: epochId, number })),
  /**
   * The numbers from `lost.first` up to the run's own `first` are on this device no more: the gateway had acknowledged
   * them, under `lost.generation`, before its store went back in time. Such a run may hold no message at all.
   */
  lost: v.optional(v.object({ first: number, generation: v.optional(generationId) })),
  /**
   * The gateway had acknowledged these messages, before its store went back in time: they reached their queue then, so that
   * `timeToReachQueueMs` does not count.
   */
  again: v.optional(v.literal(true)),
  /**
   * Runs of one push with the same number here are one transaction: all of it is taken, or none. They stand side by side, one
   * for each stream.
   */
  atomic: v.optional(number),
  /** Length-prefixed messages; an entry of no bytes is a skip and stands in `skips`. */
  messages: v.instance(Uint8Array),
  /** Messages that will never come: index in this run, id, and why. */
  skips: v.optional(
    v.pipe(v.array(v.object({ index: count, id: messageId, code })), v.maxLength(LIMITS.runMessages)),
  ),
});

/** Messages on their way up. Several pushes may be in flight. */
export const push = v.object({
  type: v.literal('push'),
  session,
  /** Whose session it is: over HTTP in a request without a hello, where nothing else says it. */
  device: v.optional(deviceId),
  runs: v.pipe(v.array(run), v.minLength(1), v.maxLength(LIMITS.pushRuns)),
});

export type Run = v.InferOutput<typeof run>;
export type Push = v.InferOutput<typeof push>;
