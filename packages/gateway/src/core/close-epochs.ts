import type { CloseEpochs, DeviceId, Fenced } from '@fieldpost/protocol';
import type { Change, Decision, Snapshot } from '../ports/gateway-store.ts';
import { fenceUnlessInForce } from './session-check.ts';

export interface CloseEpochsContext {
  readonly device: DeviceId;
  readonly subject: string;
  /** Unix milliseconds. */
  readonly now: number;
}

/** Undefined when it was done: a close-epochs has no answer of its own. */
export type CloseEpochsResult = Fenced | undefined;

/**
 * Starts the retention of epochs and does nothing more. Epochs never heard of, of another subject, or closed before
 * are passed over: closing is a hint, and repeating it must not start the retention anew.
 */
export function decideCloseEpochs(
  snapshot: Snapshot,
  frame: CloseEpochs,
  context: CloseEpochsContext,
): Decision<CloseEpochsResult> {
  const fenced = fenceUnlessInForce(
    snapshot.device,
    context.subject,
    frame.session,
    snapshot.generations.opening,
  );
  if (fenced !== undefined) return { changes: [], result: fenced };
  const changes: Change[] = [];
  for (const epoch of new Set(frame.epochs)) {
    const row = snapshot.epochs.get(epoch);
    if (row === undefined || row.subject !== context.subject || row.closedAt !== undefined) continue;
    changes.push({ type: 'put-epoch', row: { ...row, closedAt: context.now } });
  }
  return { changes, result: undefined };
}
