import { type DeviceId, type EpochId, streamKeyText } from '@fieldpost/protocol';
import type {
  DrainLease,
  EpochTail,
  MemoryDatabase,
  OfferResult,
  Reopening,
  ReopenResult,
  SaveDecision,
  SegmentKey,
  Settlement,
  StoredSegment,
} from '@fieldpost/sdk/testing';
import { laneText, planReopening } from './core.ts';

// What an outbox store does, on a database that is copied before it is changed, and without waiting: the model decides
// when something happens.

export interface Written<Result> {
  readonly database: MemoryDatabase;
  readonly result: Result;
}

export function listSegments(database: MemoryDatabase, after: number): SegmentKey[] {
  return [...database.segments.values()].map(({ key }) => key).filter(({ position }) => position > after);
}

export function loadSegments(database: MemoryDatabase, after: number): StoredSegment[] {
  const segments = [...database.segments.values()].filter(({ key }) => key.position > after);
  return segments.map(({ key, messages }) => ({ ...key, messages }));
}

/** Writes what was decided. Undefined when that is to write nothing. */
export function saveSegments(
  before: MemoryDatabase,
  tail: EpochTail | undefined,
  decision: SaveDecision,
): Written<readonly SegmentKey[]> | undefined {
  if (decision.type !== 'write') return undefined;
  const database = before.copy();
  const lanes: Record<string, number> = { ...tail?.lanes };
  const keys = decision.segments.map(({ stream, first, count, messages, savedAt }) => {
    database.lastPosition += 1;
    const key: SegmentKey = {
      position: database.lastPosition,
      stream,
      first,
      count,
      savedAt,
      bytes: messages.length,
    };
    database.segments.set(key.position, { key, messages });
    lanes[laneText(stream)] = first + count - 1;
    return key;
  });
  const [first] = decision.segments;
  if (first !== undefined)
    database.tails.set(first.stream.epoch, { epoch: first.stream.epoch, lanes, writes: [] });
  return { database, result: keys };
}

export function settle(before: MemoryDatabase, holder: string, settlement: Settlement): Written<boolean> {
  if (before.lease?.holder !== holder) return { database: before, result: false };
  const database = before.copy();
  for (const mark of settlement.marks ?? []) database.marks.set(streamKeyText(mark.stream), mark);
  const letters = new Map(database.deadLetters.map((letter) => [letter.id, letter]));
  for (const letter of settlement.deadLetters ?? []) letters.set(letter.id, letter);
  database.deadLetters = [...letters.values()];
  for (const { stream, number, code } of settlement.deadLetters ?? [])
    database.fates.set(`${streamKeyText(stream)} ${number}`, { stream, number, code });
  database.contacts = settlement.contacts ?? database.contacts;
  database.settledUpTo = settlement.settledUpTo ?? database.settledUpTo;
  database.session = settlement.session ?? database.session;
  database.generation = settlement.generation ?? database.generation;
  return { database, result: true };
}

export function offer(before: MemoryDatabase, holder: string, upTo: number): Written<OfferResult> {
  if (before.lease?.holder !== holder) return { database: before, result: { held: false, skips: [] } };
  const database = before.copy();
  database.offered = upTo;
  return { database, result: { held: true, skips: [] } };
}

export function reopen(before: MemoryDatabase, holder: string, reopening: Reopening): Written<ReopenResult> {
  if (before.lease?.holder !== holder) return { database: before, result: { held: false, reopened: 0 } };
  const database = before.copy();
  const { settledUpTo, generation } = database;
  const stored = { marks: [...database.marks.values()], settledUpTo, generation };
  const plan = planReopening(reopening.streams, stored, listSegments(database, 0));
  for (const mark of plan.marks) database.marks.set(streamKeyText(mark.stream), mark);
  database.settledUpTo = plan.settledUpTo;
  database.session = reopening.session;
  database.generation = reopening.generation;
  if (plan.marks.length > 0) database.reopenings++;
  return { database, result: { held: true, reopened: plan.marks.length } };
}

export function renewDevice(before: MemoryDatabase, from: DeviceId, to: DeviceId): Written<DeviceId> {
  if (before.device !== from) return { database: before, result: before.device ?? from };
  const database = before.copy();
  database.device = to;
  database.session = undefined;
  return { database, result: to };
}

export function takeLease(
  before: MemoryDatabase,
  holder: string,
  request: { readonly until: number; readonly now: number },
): Written<DrainLease | undefined> {
  const { lease } = before;
  const isFree = lease === undefined || lease.holder === holder || lease.until <= request.now;
  if (!isFree) return { database: before, result: lease };
  const database = before.copy();
  database.lease = { holder, until: request.until };
  return { database, result: database.lease };
}

/** What a flawed start does: it moves all that waits into its own epoch, with new numbers. */
export function renumber(before: MemoryDatabase, epoch: EpochId): MemoryDatabase {
  const waiting = [...before.segments.values()].filter(
    ({ key }) => key.first > (before.marks.get(streamKeyText(key.stream))?.acknowledged ?? 0),
  );
  if (waiting.length === 0) return before;
  const database = before.copy();
  for (const { key } of waiting) database.segments.delete(key.position);
  const segments = waiting.flatMap(({ key, messages }, index) =>
    messages === undefined ? [] : [{ ...key, stream: { ...key.stream, epoch }, first: index + 1, messages }],
  );
  return saveSegments(database, undefined, { type: 'write', write: epoch, segments })?.database ?? database;
}
