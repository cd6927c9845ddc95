import type { StreamKey } from '@fieldpost/protocol';
import type { Lane } from '../ports/outbox-store.ts';

/** One string for a lane, for maps and records. A priority is one digit, so no two lanes share one. */
export function laneText(lane: Lane | StreamKey): string {
  return `${lane.priority}${lane.queue}`;
}
