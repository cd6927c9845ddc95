import * as v from 'valibot';
import { LIMITS } from '../limits.ts';
import { deviceId, epochId, session } from './fields.ts';

/** Epochs that will number no new message and hold none unacknowledged: their retention starts, nothing more. */
export const closeEpochs = v.object({
  type: v.literal('close-epochs'),
  session,
  /** As in a push. */
  device: v.optional(deviceId),
  epochs: v.pipe(v.array(epochId), v.minLength(1), v.maxLength(LIMITS.closeEpochs)),
});

export type CloseEpochs = v.InferOutput<typeof closeEpochs>;
