import * as v from 'valibot';
import { session } from './fields.ts';

/** Why a session is over. */
export const FENCED_REASONS = [
  'newer-connection',
  'revoked',
  'upgrade-required',
  'went-back',
  'cloned',
] as const;

/**
 * The session is over; the gateway takes nothing more of it. `went-back`: its store is older than what the device was
 * told, and a hello is needed to find out how much. `cloned`: another copy of the device's data is in use; the device needs
 * a new id.
 */
export const fenced = v.object({
  type: v.literal('fenced'),
  reason: v.picklist(FENCED_REASONS),
  /** The session in force, for a device that still leads on its side and repeats an HTTP hello. */
  session: v.optional(session),
});

export type Fenced = v.InferOutput<typeof fenced>;
