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
import { putFence, removeFence } from './fence.ts';
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
 * The log as a committed save of this handle left it. As long as the last key is still the last, nobody else has written,
 * and the tail is the one on disk, too.
 */
export interface LogView {
  /** The handle that saved. Another one may be of another database. */
  readonly db: Db;
  /** When it was last made sure that the last key is there. Milliseconds of the page's clock. */
  readonly lookedAt: number;
  readonly lastKey: Uint8Array<ArrayBuffer>;
  readonly position: number;
  readonly tail: EpochTail;
}

/** How the log stood before a save. */
type Before = Pick<LogView, 'db' | 'lookedAt' | 'position' | 'tail'>;

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
 * Saves on what this handle knows of the log, and reads the tail from disk only when that does not hold.
 *
 * A handle that has looked into the log a moment ago only adds its segment, with the place in the log that comes after its
 * last one, and commits without waiting for an answer. Whoever writes after a segment that is not his own puts a fence on
 * that place, for good: so the save of a handle that was overtaken meets it and is undone by the database, whatever has
 * been trimmed since. Another handle's last look is renewed by a count of the keys from its last one on, in the same
 * transaction and begun together with the write: it shows also what nobody put a fence on, such as segments that were
 * removed by others.
 */
export async function saveSegments(
  db: Db,
  epoch: EpochId,
  decide: Decide,
  view: LogView | undefined,
  lookEveryMs: number,
): Promise<SaveResult> {
  const now = performance.now();
  if (view?.tail.epoch !== epoch) return saveFromDisk(db, epoch, decide, undefined, now);
  const isFresh = view.db === db && now - view.lookedAt < lookEveryMs;
  const known = isFresh ? view : { ...view, db, lookedAt: now };
  return (await saveOnView(decide, known, isFresh)) ?? saveFromDisk(db, epoch, decide, view, now);
}

/**
 * Resolves with undefined, and writes nothing, when the log is no longer as this handle knows it, or when the decision is
 * not simply to write. Told to commit before the answer only when it writes a single record: see `writeIn`. On the bare database, as the library's promises for each request would make an awaited save 10 %
 * slower; and begun before anything is computed, so that the browser's processes work side by side.
 */
function saveOnView(decide: Decide, view: LogView, isFresh: boolean): Promise<SaveResult | undefined> {
  return new Promise((resolve, reject) => {
    const transaction = unwrap(view.db).transaction('segments', 'readwrite', { durability: 'strict' });
    let phase: 'writing' | 'off' | 'committing' = 'writing';
    let result: SaveResult | undefined;
    transaction.addEventListener('complete', () => resolve(result));
    transaction.addEventListener('abort', () => {
      if (phase === 'off' || isFenced(transaction)) resolve(undefined);
      else reject(phase === 'writing' ? abortReason(transaction) : commitError(transaction));
    });
    const callOff = (): void => {
      phase = 'off';
      transaction.abort();
    };
    try {
      const segments = transaction.objectStore('segments');
      if (!isFresh) {
        const fromLast = segments.count(keysFrom(view.lastKey));
        fromLast.addEventListener('success', () => {
          if (fromLast.result !== 1) callOff();
        });
      }
      const decision = decideOn(decide, view.tail);
      if (decision.type !== 'write' || suppliedIdsOf(decision).length > 0) return callOff();
      const numbered = numberSegments(decision, view);
      result = numbered.result;
      const place = view.position + 1;
      const written = numbered.puts.map(({ key, record, position }) =>
        segments.add(position === place ? { ...record, place } : record, key),
      );
      if (isFresh && written.length === 1) {
        phase = 'committing';
        transaction.commit();
      } else {
        written.at(-1)?.addEventListener('success', () => {
          if (phase === 'writing') phase = 'committing';
        });
      }
    } catch (error) {
      // A transaction that is over already has a reason of its own.
      reject(transaction.error ?? error);
      transaction.abort();
    }
  });
}

/** Whether a save met a fence, or itself: an earlier attempt that was committed although its caller never heard. */
function isFenced({ error }: IDBTransaction): boolean {
  return error?.name === 'ConstraintError';
}

function saveFromDisk(
  db: Db,
  epoch: EpochId,
  decide: Decide,
  view: LogView | undefined,
  lookedAt: number,
): Promise<SaveResult> {
  return writeIn<SaveResult>(db, STORES, 'strict', async (transaction) => {
    const [{ position, isTrimmed }, tail] = await together(
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
    const before = { db, lookedAt, position, tail: tail ?? { epoch, lanes: {}, writes: [] } };
    const { puts, result } = numberSegments(decision, before);
    // What this handle knew is over, so nothing has to keep it from acting on that.
    if (view !== undefined) unheard(removeFence(transaction, view.position));
    if (!isTrimmed && (view?.db !== db || view.position !== position))
      unheard(putFence(transaction, position));
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
  before: Before,
): { readonly puts: readonly SegmentPut[]; readonly result: SaveResult } {
  const { db, lookedAt } = before;
  let view: LogView | undefined;
  const puts: SegmentPut[] = [];
  const written: SegmentKey[] = [];
  for (const { messages, suppliedIds = [], ...rest } of segments) {
    const position = before.position + puts.length + 1;
    const segment: SegmentKey = { position, ...rest, bytes: messages.length };
    const lastKey = encodeSegmentKey(segment, write);
    const record = { messages: exactBytes(messages), checksum: crc32(lastKey, messages) };
    puts.push({ key: lastKey, position, record, suppliedIds });
    written.push(segment);
    view = {
      db,
      lookedAt,
      lastKey,
      position,
      tail: appendToTail(view?.tail ?? before.tail, segment, write),
    };
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

/** The position of the last segment that was ever in the log, and whether that is no longer there. */
async function lastPosition(
  transaction: Transaction,
): Promise<{ readonly position: number; readonly isTrimmed: boolean }> {
  const trimmed = parsePosition(await transaction.objectStore('state').get('trimmed')) ?? 0;
  let cursor = await transaction.objectStore('segments').openKeyCursor(keysAfter(trimmed), 'prev');
  while (cursor !== null) {
    const key = parseSegmentKey(cursor.key);
    if (key !== undefined) return { position: key.position, isTrimmed: false };
    cursor = await cursor.continue();
  }
  return { position: trimmed, isTrimmed: true };
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
