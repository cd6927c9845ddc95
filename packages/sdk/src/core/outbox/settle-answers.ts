import { backoffDelayMs, later } from '@fieldpost/protocol';
import type { DeadLetter, SettledFate, Settlement, Skip, StreamMark } from '../../ports/outbox-store.ts';
import type { Moment } from '../moment.ts';
import { scheduleExpiry } from './expire.ts';
import { answeredPrefix, applyMarks, segmentOf, streamFor } from './follow-log.ts';
import type { OutboxEffect, OutboxState } from './outbox-state.ts';
import { learnSkips } from './skips.ts';

export function settled(state: OutboxState, held: boolean): OutboxEffect[] {
  const { settling } = state;
  const settlement = settling.running;
  settling.running = undefined;
  settling.failures = 0;
  if (settlement === undefined) return [];
  const { marks = [], deadLetters = [], fates = [], expired = [] } = settlement;
  settling.runningExpired = [];
  if (!held) {
    // Another tab has the lease: what it settles is heard of as from elsewhere.
    dropAnswers(state);
    return [{ type: 'leaseLost' }];
  }
  state.settledUpTo = Math.max(state.settledUpTo, settlement.settledUpTo ?? 0);
  return announce(state, marks, deadLetters, [...fates, ...learnSkips(state, expired)]);
}

export function settleFailed(state: OutboxState, moment: Moment): OutboxEffect[] {
  const { settling } = state;
  const settlement = settling.running;
  settling.running = undefined;
  settling.failures++;
  settling.retryAt = later(moment.now, backoffDelayMs(settling.failures, moment.jitter));
  if (settlement === undefined) return [];
  settling.session ??= settlement.session;
  settling.generation ??= settlement.generation;
  settling.contacts ??= settlement.contacts;
  for (const mark of settlement.marks ?? []) settling.dirty.add(streamFor(state, mark.stream));
  settling.expired.unshift(...settling.runningExpired);
  settling.runningExpired = [];
  return [];
}

/** Writes down what is answered: one settlement at a time, each with everything that came while the last one ran. */
export function settleWhatIsAnswered(state: OutboxState, effects: OutboxEffect[]): void {
  const { settling } = state;
  if (settling.running !== undefined || settling.retryAt !== undefined) return;
  const isNews = settling.dirty.size > 0 || settling.session !== undefined || settling.expired.length > 0;
  if (!isNews && !isPrefixBehind(state)) return;
  const marks: StreamMark[] = [];
  const deadLetters: DeadLetter[] = settling.expired.map(({ letter }) => letter);
  const expired = settling.expired.map(({ skip }) => skip);
  const fates: SettledFate[] = [];
  for (const stream of settling.dirty) {
    if (stream.answered <= stream.acknowledged || stream.answeredId === undefined) continue;
    const { reopened, answered } = stream;
    marks.push({
      stream: stream.key,
      acknowledged: answered,
      acknowledgedId: stream.answeredId,
      ...(reopened === undefined || reopened.upTo <= answered ? {} : { reopened }),
    });
    for (const [number, letter] of stream.setAside) if (number <= stream.answered) deadLetters.push(letter);
    for (const [number, code] of stream.takenBack)
      if (number <= stream.answered) fates.push({ stream: stream.key, number, code });
  }
  const settledUpTo = answeredPrefix(state);
  const settlement: Settlement = {
    ...(marks.length === 0 ? {} : { marks }),
    ...(deadLetters.length === 0 ? {} : { deadLetters }),
    ...(fates.length === 0 ? {} : { fates }),
    ...(expired.length === 0 ? {} : { expired }),
    ...(settledUpTo > state.settledUpTo ? { settledUpTo } : {}),
    ...(settling.session === undefined ? {} : { session: settling.session }),
    ...(settling.generation === undefined ? {} : { generation: settling.generation }),
    ...(settling.contacts === undefined ? {} : { contacts: settling.contacts }),
  };
  settling.dirty.clear();
  settling.session = undefined;
  settling.generation = undefined;
  settling.contacts = undefined;
  settling.runningExpired = settling.expired;
  settling.expired = [];
  settling.running = settlement;
  effects.push({ type: 'settle', settlement });
}

/** Mostly the prefix travels with marks; by itself only when a start found it behind. */
function isPrefixBehind(state: OutboxState): boolean {
  return state.draining?.inFlight.length === 0 && answeredPrefix(state) > state.settledUpTo;
}

export function dropAnswers(state: OutboxState): void {
  state.settling.dirty.clear();
  state.settling.session = undefined;
  state.settling.generation = undefined;
  state.settling.contacts = undefined;
  for (const stream of state.streams.values()) {
    stream.answered = stream.acknowledged;
    stream.answeredId = undefined;
    stream.held = undefined;
    stream.heldUntilListing = undefined;
    stream.setAside.clear();
    stream.takenBack.clear();
  }
}

export function announce(
  state: OutboxState,
  marks: readonly StreamMark[],
  deadLetters: readonly DeadLetter[] | undefined,
  fates: readonly SettledFate[],
): OutboxEffect[] {
  const moved = applyMarks(state, marks);
  if (moved.length === 0 && fates.length === 0) return [];
  return [{ type: 'announce', marks: moved, deadLetters, fates }];
}

/** What others offered meanwhile is not known before the log is read, and what this tab did not write down is theirs now. */
export function led(state: OutboxState, isLeading: boolean, moment: Moment): OutboxEffect[] {
  state.isLeading = isLeading;
  state.offering.isKnown = false;
  const { settling } = state;
  for (const { skip } of [...settling.runningExpired, ...settling.expired]) lookAgain(state, skip, moment);
  settling.runningExpired = [];
  settling.expired = [];
  return [];
}

function lookAgain(state: OutboxState, { stream: key, number }: Skip, { now }: Moment): void {
  const stream = streamFor(state, key);
  const segment = segmentOf(stream, number);
  if (segment === undefined || stream.skips.has(number)) return;
  stream.refusedHere.delete(number);
  segment.expiresInMs = 0;
  scheduleExpiry(state, segment, now);
}
