import { doneUpTo } from './hear-answers.ts';
import { isOffered } from './offer.ts';
import type { LaneQueue, OutboxState, PendingSegment } from './outbox-state.ts';
import { partsOf } from './parts-of.ts';
import { lostUpTo } from './reopened.ts';

/** Whether a segment has to go together with others. What nobody can tell of any more goes as what it is. */
export function isPart(state: OutboxState, segment: PendingSegment): boolean {
  if (segment.key.part === undefined || segment.isHole) return false;
  return partsOf(state, segment).every((part) => lostUpTo(part, part.key.first) === undefined);
}

/**
 * What of a transaction has to go, when the turn of each of its lanes has come; a segment that has to be loaded before; or
 * `not yet`.
 */
export function readyParts(
  state: OutboxState,
  segment: PendingSegment,
  isHeld: (lane: LaneQueue) => boolean,
  isDue: (part: PendingSegment) => boolean,
): readonly PendingSegment[] | PendingSegment | 'not yet' {
  const open = partsOf(state, segment).filter(({ last, stream }) => last > doneUpTo(state, stream));
  for (const part of open) {
    const { lane } = part.stream;
    skipDone(state, lane);
    if (lane.segments[lane.next] !== part || isHeld(lane) || isDue(part) || !isOffered(state, part))
      return 'not yet';
  }
  return open.find(({ content }) => content === 'absent') ?? open;
}

/** Moves a lane on to its first segment of which anything has to go. */
export function skipDone(state: OutboxState, lane: LaneQueue): void {
  for (;;) {
    const segment = lane.segments[lane.next];
    if (segment === undefined || segment.last > doneUpTo(state, segment.stream)) return;
    lane.next++;
    lane.nextOffset = 0;
  }
}
