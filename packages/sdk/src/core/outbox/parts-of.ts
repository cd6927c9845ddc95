import type { OutboxState, PendingSegment } from './outbox-state.ts';

/** The segments of a transaction that are not settled, in save order; a segment that is none is alone. */
export function partsOf(state: OutboxState, segment: PendingSegment): readonly PendingSegment[] {
  const { part, position } = segment.key;
  if (part === undefined || segment.isHole) return [segment];
  const parts: PendingSegment[] = [];
  for (let index = 0; index < part.parts; index++) {
    const known = state.segments.get(position - part.index + index);
    if (known !== undefined) parts.push(known);
  }
  return parts;
}
