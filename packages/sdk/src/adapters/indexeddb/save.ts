import type { EpochId, MessageId } from '@fieldpost/protocol';
import { unwrap } from 'idb';
import { laneText } from '../../core/lane.ts';
import type {
  EpochTail,
  RecentWrite,
  SaveDecision,
  SavedSegments,
  SegmentKey,
} from '../../ports/outbox-store.ts';
import { crc32 } from './checksum.ts';
import { abortReason, commitError, DecideError } from './failure.ts';
import { exactBytes, parseEpochRecord, parsePosition, type SegmentRecord } from './record.ts';
import type { Db, StoreName, Transaction } from './schema.ts';
import {
  encodeSegmentKey,
  keysAfter,
  keysFrom,
  parseSegmentKey,
  withoutWrite,
  type WrittenKey,
} from './segment-key.ts';
import { together, unheard, writeIn } from './transact.ts';

/**
 * The log as a committed save of this handle left it. As long as the last key is still there and still the last, nobody
 * else has written and the disk has not gone back, so the tail is the one on disk, too.
 */
export interface LogView {
  readonly lastKey: Uint8Array<ArrayBuffer>;
  readonly position: number;
  readonly tail: EpochTail;
}

export interface SaveResult {
  readonly saved: SavedSegments;
  /** Undefined when the save does not tell how the log stands. */
  readonly view: LogView | undefined;
}

type Decide = (tail: EpochTail | undefined) => SaveDecision;
type Write = Extract<SaveDecision, { type: 'write' }>;

/** What is put for one segment. */
interface SegmentPut {
  readonly key: Uint8Array<ArrayBuffer>;
  readonly position: number;
  readonly record: SegmentRecord;
  readonly suppliedIds: readonly MessageId[];
}

/** So many of an epoch's latest writes are remembered. A save is repeated at once or never, so the last would do. */
const RECENT_WRITES = 8;
const STORES: StoreName[] = ['segments', 'suppliedIds', 'deadLetters', 'epochs', 'state'];

/**
 * Saves on what this handle knows of the log, checked in the same transaction, and reads the tail from disk only when the
 * check fails. The check travels to the database together with the write, so it takes no round trip of its own: an awaited
 * save costs little more than a bare put.
 */
export async function saveSegments(
  db: Db,
  epoch: EpochId,
  decide: Decide,
  view: LogView | undefined,
): Promise<SaveResult> {
  if (view?.tail.epoch !== epoch) return saveFromDisk(db, epoch, decide, undefined);
  return (await saveOnView(db, decide, view)) ?? saveFromDisk(db, epoch, decide, view);
}

/**
 * Resolves with undefined, and writes nothing, when the log is no longer as this handle knows it, or when the decision is
 * not simply to write. On the bare database, as the library's promises for each request would make an awaited save 10 %
 * slower; and begun before anything is computed, so that the browser's processes work side by side.
 */
function saveOnView(db: Db, decide: Decide, view: LogView): Promise<SaveResult | undefined> {
  return new Promise((resolve, reject) => {
    const transaction = unwrap(db).transaction('segments', 'readwrite', { durability: 'strict' });
    let phase: 'checking' | 'off' | 'committing' = 'checking';
    let result: SaveResult | undefined;
    transaction.addEventListener('complete', () => resolve(result));
    transaction.addEventListener('abort', () => {
      if (phase === 'off') resolve(undefined);
      else reject(phase === 'checking' ? abortReason(transaction) : commitError(transaction));
    });
    const callOff = (): void => {
      phase = 'off';
      transaction.abort();
    };
    try {
      const segments = transaction.objectStore('segments');
      const fromLast = segments.count(keysFrom(view.lastKey));
      fromLast.addEventListener('success', () => {
        if (fromLast.result !== 1) return callOff();
        phase = 'committing';
        transaction.commit();
      });
      const decision = decideOn(decide, view.tail);
      if (decision.type !== 'write' || suppliedIdsOf(decision).length > 0) return callOff();
      const numbered = numberSegments(decision, view.position, view.tail);
      result = numbered.result;
      for (const { key, record } of numbered.puts) segments.put(record, key);
    } catch (error) {
      reject(error);
      transaction.abort();
    }
  });
}

function saveFromDisk(
  db: Db,
  epoch: EpochId,
  decide: Decide,
  view: LogView | undefined,
): Promise<SaveResult> {
  return writeIn<SaveResult>(db, STORES, 'strict', async (transaction) => {
    const [position, tail] = await together(
      () => lastPosition(transaction),
      () => readTail(transaction, epoch, view),
    );
    const decision = decideOn(decide, tail);
    if (decision.type !== 'write') {
      const segments = decision.type === 'found' ? decision.segments : [];
      return { abort: { saved: { outcome: decision.type, segments }, view: undefined } };
    }
    const known = await knownIds(transaction, decision);
    if (tail === undefined) {
      const through = { through: position, lanes: {}, savedAt: 0 };
      unheard(transaction.objectStore('epochs').put(through, epoch));
    }
    if (known.length > 0) {
      return { abort: { saved: { outcome: 'repeated', segments: [], repeated: known }, view: undefined } };
    }
    const { puts, result } = numberSegments(decision, position, tail ?? { epoch, lanes: {}, writes: [] });
    for (const { key, position: at, record, suppliedIds } of puts) {
      unheard(transaction.objectStore('segments').put(record, key));
      for (const id of suppliedIds) unheard(transaction.objectStore('suppliedIds').put({ position: at }, id));
    }
    return result;
  });
}

/** Gives the segments their places in the log, and tells how it stands after them. */
function numberSegments(
  { write, segments }: Write,
  position: number,
  before: EpochTail,
): { readonly puts: readonly SegmentPut[]; readonly result: SaveResult } {
  let view: LogView | undefined;
  const puts: SegmentPut[] = [];
  const written: SegmentKey[] = [];
  for (const { stream, first, count, messages, savedAt, suppliedIds = [] } of segments) {
    const at = position + puts.length + 1;
    const segment: SegmentKey = { position: at, stream, first, count, bytes: messages.length, savedAt };
    const key = encodeSegmentKey(segment, write);
    const record = { messages: exactBytes(messages), checksum: crc32(key, messages) };
    puts.push({ key, position: at, record, suppliedIds });
    written.push(segment);
    view = { lastKey: key, position: at, tail: appendToTail(view?.tail ?? before, segment, write) };
  }
  return { puts, result: { saved: { outcome: 'written', segments: written }, view } };
}

/** Which of the write's supplied ids belong to a message that is still here. */
async function knownIds(transaction: Transaction<'readwrite'>, write: Write): Promise<readonly MessageId[]> {
  const supplied = suppliedIdsOf(write);
  if (supplied.length === 0) return supplied;
  const inLog = transaction.objectStore('suppliedIds');
  const setAside = transaction.objectStore('deadLetters').index('id');
  const found = await Promise.all(
    supplied.map((id) =>
      together(
        () => inLog.getKey(id),
        () => setAside.getKey(id),
      ),
    ),
  );
  return supplied.filter((_, index) => found[index]?.some((key) => key !== undefined) === true);
}

function suppliedIdsOf({ segments }: Write): readonly MessageId[] {
  return segments.flatMap(({ suppliedIds }) => suppliedIds ?? []);
}

/** The position of the last segment that was ever in the log. */
async function lastPosition(transaction: Transaction): Promise<number> {
  const trimmed = parsePosition(await transaction.objectStore('state').get('trimmed')) ?? 0;
  let cursor = await transaction.objectStore('segments').openKeyCursor(keysAfter(trimmed), 'prev');
  while (cursor !== null) {
    const key = parseSegmentKey(cursor.key);
    if (key !== undefined) return key.position;
    cursor = await cursor.continue();
  }
  return trimmed;
}

/**
 * The tail of an epoch, from the keys of its segments and from what is written down of those that are gone. With a view
 * whose last segment is still there, only the keys after it are read.
 */
async function readTail(
  transaction: Transaction,
  epoch: EpochId,
  view: LogView | undefined,
): Promise<EpochTail | undefined> {
  const segments = transaction.objectStore('segments');
  if (view !== undefined) {
    const [own, ...later] = parseKeys(await segments.getAllKeys(keysFrom(view.lastKey)));
    if (own?.position === view.position && own.stream.epoch === epoch) return foldTail(view.tail, later);
  }
  const record = parseEpochRecord(await transaction.objectStore('epochs').get(epoch));
  if (record === undefined) return undefined;
  const keys = parseKeys(await segments.getAllKeys(keysAfter(record.through)));
  return foldTail({ epoch, lanes: record.lanes, writes: [] }, keys);
}

function foldTail(start: EpochTail, keys: readonly WrittenKey[]): EpochTail {
  let tail = start;
  for (const key of keys) {
    if (key.stream.epoch === start.epoch) tail = appendToTail(tail, withoutWrite(key), key.write);
  }
  return tail;
}

function appendToTail(tail: EpochTail, segment: SegmentKey, write: string): EpochTail {
  const lane = laneText(segment.stream);
  const last = Math.max(tail.lanes[lane] ?? 0, segment.first + segment.count - 1);
  const lanes = { ...tail.lanes, [lane]: last };
  return { ...tail, lanes, writes: appendToWrites(tail.writes, segment, write) };
}

function appendToWrites(
  writes: readonly RecentWrite[],
  segment: SegmentKey,
  write: string,
): readonly RecentWrite[] {
  const latest = writes.at(-1);
  if (latest?.write === write) {
    return [...writes.slice(0, -1), { write, segments: [...latest.segments, segment] }];
  }
  return [...writes.slice(1 - RECENT_WRITES), { write, segments: [segment] }];
}

function parseKeys(stored: readonly IDBValidKey[]): readonly WrittenKey[] {
  return stored.map(parseSegmentKey).filter((key) => key !== undefined);
}

function decideOn(decide: Decide, tail: EpochTail | undefined): SaveDecision {
  try {
    return decide(tail);
  } catch (error) {
    throw new DecideError('decide threw', { cause: error });
  }
}
