import type { Instant } from '@fieldpost/protocol';
import type { LogState } from '../../ports/outbox-store.ts';
import { addHole, streamFor } from './follow-log.ts';
import type { OutboxState, PendingSegment } from './outbox-state.ts';

/**
 * Messages that had been acknowledged and wait again, because the gateway's store went back in time. They are sent as at
 * the first time, with three differences: what had been refused or skipped goes as a skip, since the app has heard of it
 * and may have sent it anew; what the log has no more is said to be lost; and none of them is too old to be sent.
 */

/** Takes in what the log says of such messages, before its segments are taken in. */
export function adoptReopened(state: OutboxState, log: LogState): void {
  for (const { stream: key, acknowledged, reopened } of log.streams) {
    const stream = streamFor(state, key);
    if (reopened !== undefined && acknowledged === stream.acknowledged) stream.reopened = reopened;
  }
  for (const { stream: key, number, code } of log.fates) {
    const stream = streamFor(state, key);
    if (number <= stream.acknowledged || number > (stream.reopened?.upTo ?? 0)) continue;
    stream.refusedHere.set(number, code);
    stream.knownFates.add(number);
  }
}

/** Puts stand-ins for such messages at the ends of streams, where no segment tells of them, once the log is taken in. */
export function addLostEnds(state: OutboxState, now: Instant): void {
  for (const stream of state.streams.values()) {
    if (stream.reopened === undefined) continue;
    addHole(stream, stream.reopened.upTo, { position: state.knownUpTo + 1, savedAt: 0 }, now);
  }
}

/** The last of the numbers from `from` on that the gateway had acknowledged and this log has no more; undefined without any. */
export function lostUpTo({ content, stream, last }: PendingSegment, from: number): number | undefined {
  const upTo = stream.reopened?.upTo ?? 0;
  return content === 'damaged' && from <= upTo ? Math.min(last, upTo) : undefined;
}

/** How many streams have messages that wait again. */
export function countReopened(state: OutboxState): number {
  let count = 0;
  for (const { reopened } of state.streams.values()) if (reopened !== undefined) count++;
  return count;
}
