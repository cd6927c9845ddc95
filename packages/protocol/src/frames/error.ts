import * as v from 'valibot';
import { LIMITS } from '../limits.ts';
import { code, count } from './fields.ts';

/** A frame that could not be served. What was not acknowledged stays on the device. */
export const errorFrame = v.object({
  type: v.literal('error'),
  code,
  /** For people; never branched on. */
  detail: v.pipe(v.string(), v.maxLength(LIMITS.detailCharacters)),
  retryAfterMs: v.optional(count),
});

export type ErrorFrame = v.InferOutput<typeof errorFrame>;
