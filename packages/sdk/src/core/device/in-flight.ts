import type { DeviceState } from './device-state.ts';

/** Whether what was pushed on this connection has got no answer at all. */
export function isFruitless(state: DeviceState): boolean {
  return isOccupied(state) && state.outbox.draining?.answers === 0;
}

export function isOccupied(state: DeviceState): boolean {
  return (state.outbox.draining?.inFlight.length ?? 0) > 0;
}
