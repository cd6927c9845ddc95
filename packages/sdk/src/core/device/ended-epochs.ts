import { type EpochId, LIMITS } from '@fieldpost/protocol';
import type { DeviceState } from './device-state.ts';

/**
 * Epochs of other starts that hold nothing that waits, and that the gateway has not been told of since they were pushed to:
 * as many as one frame names. The start of another tab may still go on; what it saves next opens its epoch again.
 */
export function endedEpochs({ epoch, outbox, closedEpochs }: DeviceState): EpochId[] {
  const occupied = new Set<EpochId>([epoch]);
  for (const stream of outbox.streams.values())
    if (stream.segments.length > 0) occupied.add(stream.key.epoch);
  const ended = new Set<EpochId>();
  for (const { key } of outbox.streams.values())
    if (!occupied.has(key.epoch) && !closedEpochs.has(key.epoch)) ended.add(key.epoch);
  return [...ended].slice(0, LIMITS.closeEpochs);
}
