import * as v from 'valibot';
import { deviceId, fateCursor, session } from './fields.ts';

/** What the gateway told is on the device's disk. */
export const confirm = v.object({
  type: v.literal('confirm'),
  session,
  /** As in a push. */
  device: v.optional(deviceId),
  /** The last fate that the device wrote down. */
  fates: fateCursor,
});

export type Confirm = v.InferOutput<typeof confirm>;
