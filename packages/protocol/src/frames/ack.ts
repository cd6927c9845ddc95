import * as v from 'valibot';
import { streamState } from './stream-state.ts';

/** The answer to a push, sent when what it says is durable. */
export const ack = v.object({
  type: v.literal('ack'),
  /** One state for each stream of the push. */
  streams: v.array(streamState),
});

export type Ack = v.InferOutput<typeof ack>;
