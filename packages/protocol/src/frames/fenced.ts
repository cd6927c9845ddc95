import * as v from 'valibot';
import { session } from './fields.ts';

/** The session is over; the gateway takes nothing more of it. */
export const fenced = v.object({
  type: v.literal('fenced'),
  reason: v.picklist(['newer-connection', 'revoked', 'upgrade-required']),
  /** The session in force, for a device that still leads on its side and repeats an HTTP hello. */
  session: v.optional(session),
});

export type Fenced = v.InferOutput<typeof fenced>;
