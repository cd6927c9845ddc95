import * as v from 'valibot';
import { LIMITS } from '../limits.ts';

/** A newer token for the running connection, of the same subject. Over HTTP the header carries it. */
export const token = v.object({
  type: v.literal('token'),
  token: v.pipe(v.string(), v.minLength(1), v.maxLength(LIMITS.tokenBytes)),
});

export type Token = v.InferOutput<typeof token>;
