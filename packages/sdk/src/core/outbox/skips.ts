import type { SettledFate, Skip } from '../../ports/outbox-store.ts';
import { segmentOf, streamFor, voidWhenSkipped } from './follow-log.ts';
import type { OutboxState } from './outbox-state.ts';

/**
 * Takes in which numbers go as skips. Returns what is news for good: whoever waits for these messages can be told.
 */
export function learnSkips(state: OutboxState, skips: readonly Skip[]): SettledFate[] {
  const news: SettledFate[] = [];
  for (const skip of skips) {
    const { number, code } = skip;
    const stream = streamFor(state, skip.stream);
    if (number <= stream.acknowledged || stream.skips.get(number)?.isFinal === true) continue;
    stream.skips.set(number, skip);
    stream.refusedHere.set(number, code);
    if (!skip.isFinal) continue;
    state.finalSkips++;
    news.push({ stream: skip.stream, number, code });
    const segment = segmentOf(stream, number);
    if (segment !== undefined) voidWhenSkipped(state, segment);
  }
  return news;
}

/** Messages that wait to be sent. */
export function pendingMessages({ waitingMessages, finalSkips }: OutboxState): number {
  // A skip may be heard of before the segment that it is in.
  return Math.max(0, waitingMessages - finalSkips);
}
