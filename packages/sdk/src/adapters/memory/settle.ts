import { streamKeyText } from '@fieldpost/protocol';
import { planCancel, takeOut } from '../../core/outbox/plan-cancel.ts';
import type {
  CancelResult,
  DeadLetter,
  MessagePlace,
  NumberRange,
  Offering,
  OfferResult,
  SettledFate,
  Settlement,
  Skip,
} from '../../ports/outbox-store.ts';
import type { MemoryDatabase } from './memory-database.ts';

/** Writes what the gateway's answers say, if `holder` has the lease. */
export function settle(database: MemoryDatabase, holder: string, settlement: Settlement): boolean {
  if (database.lease?.holder !== holder) return false;
  const { marks = [], deadLetters = [], fates = [], expired = [] } = settlement;
  for (const mark of marks) database.marks.set(streamKeyText(mark.stream), mark);
  database.deadLetters = withLetters(database.deadLetters, deadLetters);
  for (const { stream, number, code } of [...deadLetters, ...fates])
    database.fates.set(placeText({ stream, number }), { stream, number, code });
  for (const skip of expired) putSkip(database, skip);
  for (const { stream, number } of expired) hollowOut(database, { stream, number });
  forgetSkips(database);
  database.contacts = settlement.contacts ?? database.contacts;
  database.settledUpTo = settlement.settledUpTo ?? database.settledUpTo;
  database.session = settlement.session ?? database.session;
  database.generation = settlement.generation ?? database.generation;
  return true;
}

export function offer(database: MemoryDatabase, holder: string, { upTo }: Offering): OfferResult {
  if (database.lease?.holder !== holder) return { held: false, skips: [] };
  database.offered = upTo;
  return { held: true, skips: [...database.skips.values()] };
}

export function cancel(database: MemoryDatabase, place: MessagePlace): CancelResult {
  const { offered, settledUpTo } = database;
  const plan = planCancel(place, {
    acknowledged: database.marks.get(streamKeyText(place.stream))?.acknowledged ?? 0,
    code: database.fates.get(placeText(place))?.code,
    offered,
    keys: [...database.segments.values()]
      .map(({ key }) => key)
      .filter(({ position }) => position > settledUpTo),
  });
  if (plan.outcome === 'settled') return plan;
  const fate = { code: 'cancelled', isFinal: plan.outcome === 'cancelled' };
  const skips: Skip[] = [];
  for (const { key, numbers } of plan.segments) {
    const out = takeOut(key, database.segments.get(key.position)?.messages, numbers, fate);
    if (out.left !== undefined) database.segments.set(key.position, { key, messages: out.left });
    skips.push(...out.skips);
  }
  for (const skip of skips) putSkip(database, skip);
  return { outcome: plan.outcome, skips };
}

export function listFates(database: MemoryDatabase, ranges: readonly NumberRange[]): SettledFate[] {
  return [...database.fates.values()].filter(({ stream, number }) =>
    ranges.some(
      (range) =>
        streamKeyText(range.stream) === streamKeyText(stream) &&
        range.first <= number &&
        number <= range.last,
    ),
  );
}

export function placeText({ stream, number }: MessagePlace): string {
  return `${streamKeyText(stream)} ${number}`;
}

function putSkip(database: MemoryDatabase, skip: Skip): void {
  const place = placeText(skip);
  const { stream, number, code } = skip;
  database.skips.set(place, skip);
  if (skip.isFinal) database.fates.set(place, { stream, number, code });
}

function hollowOut(database: MemoryDatabase, { stream, number }: MessagePlace): void {
  for (const { key, messages } of database.segments.values()) {
    const isHere = key.first <= number && number < key.first + key.count;
    if (!isHere || streamKeyText(key.stream) !== streamKeyText(stream)) continue;
    const { left } = takeOut(key, messages, [number], { code: '', isFinal: true });
    if (left !== undefined) database.segments.set(key.position, { key, messages: left });
  }
}

/** Of numbers that are settled. */
function forgetSkips(database: MemoryDatabase): void {
  for (const [place, { stream, number }] of database.skips) {
    if (number <= (database.marks.get(streamKeyText(stream))?.acknowledged ?? 0))
      database.skips.delete(place);
  }
}

function withLetters(known: readonly DeadLetter[], added: readonly DeadLetter[]): readonly DeadLetter[] {
  const letters = new Map(known.map((letter) => [letter.id, letter]));
  for (const letter of added) letters.set(letter.id, letter);
  return [...letters.values()];
}
