import { streamKeyText, type StreamState } from '@fieldpost/protocol';
import type { DeviceState } from './device-state.ts';

/** Whether the gateway holds less of a stream than it had acknowledged. */
export function knowsLess(state: DeviceState, answer: StreamState): boolean {
  const acknowledged = state.outbox.streams.get(streamKeyText(answer))?.acknowledged ?? 0;
  // A stall may hide how far the stream is.
  return answer.stall === undefined && answer.accepted < acknowledged;
}

/** Whether the answer tells of lost messages that this tab has not yet looked for in the log. */
export function hasNewLost(state: DeviceState, answer: StreamState): boolean {
  const acknowledged = state.outbox.streams.get(streamKeyText(answer))?.acknowledged ?? 0;
  const ranges = (answer.lost ?? []).filter(({ first }) => first <= acknowledged);
  const unsought = ranges.filter((range) => !state.soughtLost.has(lostText(answer, range)));
  for (const range of unsought) state.soughtLost.add(lostText(answer, range));
  return unsought.length > 0;
}

function lostText(
  answer: StreamState,
  { first, last }: { readonly first: number; readonly last: number },
): string {
  return `${streamKeyText(answer)} ${first}-${last}`;
}
