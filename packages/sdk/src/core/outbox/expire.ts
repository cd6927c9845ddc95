import {
  decodeProperties,
  ENTRY_HEADER_BYTES,
  type Instant,
  later,
  type MessageProperties,
  splitMessage,
} from '@fieldpost/protocol';
import type { DeadLetter } from '../../ports/outbox-store.ts';
import type { Moment } from '../moment.ts';
import { ageOf } from './age.ts';
import { entryEnd, messageIdOf } from './entry-walk.ts';
import type { OutboxState, PendingSegment } from './outbox-state.ts';
import { partsOf } from './parts-of.ts';

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
  for (const segment of state.timed) {
    const absent = isDue(segment, now) ? partsOf(state, segment).find(isAbsent) : undefined;
    if (absent !== undefined) return absent;
  }
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
    if (isDue(segment, moment.now) && settling.expired.length < EXPIRED_AT_ONCE) {
      const parts = partsOf(state, segment);
      if (!parts.some(isAbsent)) expireParts(state, parts, moment);
    }
    const { dueAt } = segment;
    if (dueAt !== undefined && (next === undefined || dueAt < next)) next = dueAt;
  }
  state.expiryAt = next;
}

function isAbsent({ content }: PendingSegment): boolean {
  return content === 'absent';
}

/** Looks at a segment, or at all of a transaction: of that, all expire together. */
function expireParts(state: OutboxState, parts: readonly PendingSegment[], moment: Moment): void {
  const waiting = parts.flatMap((segment) => waitingMessages(state, segment, moment.now));
  const isWhole = parts.some(({ key }) => key.part !== undefined);
  const common = isWhole ? waiting.find(({ code }) => code !== undefined)?.code : undefined;
  const isUnsent = parts.every(({ key }) => key.position > state.offering.sentUpTo);
  for (const message of waiting) {
    const code = common ?? message.code;
    if (code !== undefined) expire(state, message, code, isUnsent, moment);
  }
  for (const segment of parts) {
    const left = waiting.filter(
      (message) => message.segment === segment && (common ?? message.code) === undefined,
    );
    const expiresInMs = Math.min(...left.map((message) => message.expiresInMs));
    segment.expiresInMs = expiresInMs === Number.POSITIVE_INFINITY ? undefined : expiresInMs;
    scheduleExpiry(state, segment, moment.now);
  }
}

interface WaitingMessage {
  readonly segment: PendingSegment;
  readonly number: number;
  readonly message: Uint8Array;
  readonly expiresInMs: number;
  /** Set when its time has run out. */
  readonly code: string | undefined;
}

/** The messages of a segment that wait and can expire here: not those that are sent again, or go as skips already. */
function waitingMessages(state: OutboxState, segment: PendingSegment, now: Instant): WaitingMessage[] {
  const { content, stream, key, last } = segment;
  if (!(content instanceof Uint8Array)) return [];
  const ageMs = ageOf(state, segment, now);
  const messages: WaitingMessage[] = [];
  let offset = 0;
  const from = Math.max(stream.answered, stream.reopened?.upTo ?? 0);
  for (let number = key.first; number <= last; number++) {
    const end = entryEnd(content, offset) ?? content.length;
    const message = content.subarray(offset + ENTRY_HEADER_BYTES, end);
    offset = end;
    if (number <= from || stream.refusedHere.has(number)) continue;
    const { timeToLiveMs = Number.POSITIVE_INFINITY, timeToReachQueueMs = Number.POSITIVE_INFINITY } =
      propertiesOf(message);
    const code =
      timeToLiveMs <= ageMs ? 'receive-timeout' : timeToReachQueueMs <= ageMs ? 'reach-timeout' : undefined;
    const expiresInMs = Math.min(timeToLiveMs, timeToReachQueueMs);
    messages.push({ segment, number, message, expiresInMs, code });
  }
  return messages;
}

function expire(
  state: OutboxState,
  { segment, number, message }: WaitingMessage,
  code: string,
  isUnsent: boolean,
  moment: Moment,
): void {
  const { stream, key } = segment;
  stream.refusedHere.set(number, code);
  if (!isUnsent) return;
  const id = messageIdOf(message);
  const letter: DeadLetter = {
    id,
    stream: stream.key,
    number,
    state: 'expired',
    code,
    message: message.slice(),
    savedAt: key.savedAt,
    setAsideAt: moment.wallMs,
  };
  state.settling.expired.push({ letter, skip: { stream: stream.key, number, code, id, isFinal: true } });
}

/** What cannot be read does not expire: the gateway will refuse it. */
function propertiesOf(message: Uint8Array): MessageProperties {
  try {
    return decodeProperties(splitMessage(message).properties);
  } catch {
    return {};
  }
}
