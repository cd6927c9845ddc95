import {
  decodeProperties,
  type Instant,
  later,
  type MessageProperties,
  splitMessage,
} from '@fieldpost/protocol';
import type { DeadLetter } from '../../ports/outbox-store.ts';
import type { Moment } from '../moment.ts';
import { ageOf } from './age.ts';
import { entryAt, messageIdOf } from './entry-walk.ts';
import type { OutboxState, PendingSegment } from './outbox-state.ts';

/** So many are set aside in one settlement: each with its body. */
const EXPIRED_AT_ONCE = 256;

/** Works out anew when the segment has to be looked at: now, if its time has run out. */
export function scheduleExpiry(state: OutboxState, segment: PendingSegment, now: Instant): void {
  const { expiresInMs } = segment;
  if (expiresInMs === undefined) {
    segment.dueAt = undefined;
    state.timed.delete(segment);
    return;
  }
  state.timed.add(segment);
  segment.dueAt = later(now, Math.max(0, expiresInMs - ageOf(state, segment, now)));
  if (state.expiryAt === undefined || segment.dueAt < state.expiryAt) state.expiryAt = segment.dueAt;
}

/** The same for all, when it may have become known how old they are. */
export function scheduleExpiries(state: OutboxState, now: Instant): void {
  for (const segment of state.timed) scheduleExpiry(state, segment, now);
}

/** Whether a segment has to be looked at before anything of it is sent. */
export function isDue({ dueAt }: PendingSegment, now: Instant): boolean {
  return dueAt !== undefined && dueAt <= now;
}

/** A segment whose messages may have expired, and that has to be loaded to tell. */
export function segmentToExpire(state: OutboxState, now: Instant): PendingSegment | undefined {
  if (!state.isLeading || state.expiryAt === undefined || now < state.expiryAt) return undefined;
  for (const segment of state.timed) if (segment.content === 'absent' && isDue(segment, now)) return segment;
  return undefined;
}

/** The next moment at which something may expire by itself. */
export function expiryDeadline(state: OutboxState, now: Instant): Instant | undefined {
  const { expiryAt, isLeading } = state;
  // What is due and still here waits for a load or a settlement.
  return isLeading && expiryAt !== undefined && expiryAt > now ? expiryAt : undefined;
}

/**
 * Sets messages aside whose time has run out. One that was never sent has expired for good, and its number goes as a skip;
 * of one that may have been sent the gateway's answer says whether it was in time.
 */
export function expireWhatIsDue(state: OutboxState, moment: Moment): void {
  const { expiryAt, settling, isLeading } = state;
  if (!isLeading || expiryAt === undefined || moment.now < expiryAt) return;
  let next: Instant | undefined;
  for (const segment of state.timed) {
    const isReady = segment.content !== 'absent' && settling.expired.length < EXPIRED_AT_ONCE;
    if (isDue(segment, moment.now) && isReady) expireSegment(state, segment, moment);
    const { dueAt } = segment;
    if (dueAt !== undefined && (next === undefined || dueAt < next)) next = dueAt;
  }
  state.expiryAt = next;
}

function expireSegment(state: OutboxState, segment: PendingSegment, moment: Moment): void {
  const { content, stream, key, last } = segment;
  const ageMs = ageOf(state, segment, moment.now);
  const isUnsent = key.position > state.offering.sentUpTo;
  let expiresInMs = Number.POSITIVE_INFINITY;
  const first = Math.max(key.first, stream.answered + 1, (stream.reopened?.upTo ?? 0) + 1);
  for (let number = first; content instanceof Uint8Array && number <= last; number++) {
    if (stream.refusedHere.has(number)) continue;
    const message = entryAt(content, number - key.first);
    const { timeToLiveMs = Number.POSITIVE_INFINITY, timeToReachQueueMs = Number.POSITIVE_INFINITY } =
      propertiesOf(message);
    const code =
      timeToLiveMs <= ageMs ? 'receive-timeout' : timeToReachQueueMs <= ageMs ? 'reach-timeout' : undefined;
    if (code === undefined) {
      expiresInMs = Math.min(expiresInMs, timeToLiveMs, timeToReachQueueMs);
      continue;
    }
    stream.refusedHere.set(number, code);
    if (!isUnsent) continue;
    const letter: DeadLetter = {
      id: messageIdOf(message),
      stream: stream.key,
      number,
      state: 'expired',
      code,
      message: message.slice(),
      savedAt: key.savedAt,
      setAsideAt: moment.wallMs,
    };
    state.settling.expired.push({
      letter,
      skip: { stream: stream.key, number, code, id: letter.id, isFinal: true },
    });
  }
  segment.expiresInMs = expiresInMs === Number.POSITIVE_INFINITY ? undefined : expiresInMs;
  scheduleExpiry(state, segment, moment.now);
}

/** What cannot be read does not expire: the gateway will refuse it. */
function propertiesOf(message: Uint8Array): MessageProperties {
  try {
    return decodeProperties(splitMessage(message).properties);
  } catch {
    return {};
  }
}
