import * as v from 'valibot';
import { count, generationId, number, session } from './fields.ts';
import { streamState } from './stream-state.ts';

/** The answer to a hello: the session begins. */
export const welcome = v.object({
  type: v.literal('welcome'),
  /** The protocol version of this session: the highest that both sides speak. */
  version: number,
  session,
  generation: generationId,
  /** What the gateway takes; a device keeps below the lower of these and its own. */
  limits: v.object({
    frameBytes: number,
    bodyBytes: number,
    runMessages: number,
    windowMessages: number,
    windowBytes: number,
  }),
  /** One state for each stream of the hello. */
  streams: v.array(streamState),
  /** The gateway's wall clock in Unix milliseconds: for display, and to tell whether the device's own can be believed. */
  serverTimeMs: count,
});

export type Welcome = v.InferOutput<typeof welcome>;
