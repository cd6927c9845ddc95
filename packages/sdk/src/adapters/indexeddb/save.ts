import type { EpochId, MessageId } from '@fieldpost/protocol';
import { laneText } from '../../core/lane.ts';
import type {
  EpochTail,
  RecentWrite,
  SaveDecision,
  SavedSegments,
  SegmentKey,
} from '../../ports/outbox-store.ts';
import { crc32 } from './checksum.ts';
import { DecideError } from './failure.ts';
import { exactBytes, parseEpochRecord, parsePosition } from './record.ts';
import type { Db, StoreName, Transaction } from './schema.ts';
import {
  encodeSegmentKey,
  keysAfter,
  keysFrom,
  parseSegmentKey,
  withoutWrite,
  type WrittenKey,
} from './segment-key.ts';
import { type Aborted, together, unheard, writeIn } from './transact.ts';

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

/** So many of an epoch's latest writes are remembered. A save is repeated at once or never, so the last would do. */
const RECENT_WRITES = 8;
/** Few where few will do: saving and settling then run side by side. */
const PLAIN: StoreName[] = ['segments'];
const WITH_IDS: StoreName[] = ['segments', 'suppliedIds', 'deadLetters'];
const ALL: StoreName[] = [...WITH_IDS, 'epochs', 'state'];

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
  const decision = decideOn(decide, view.tail);
  const quick = decision.type === 'write' ? await saveOnView(db, decision, view) : undefined;
  return quick ?? saveFromDisk(db, epoch, decide, view);
}

/** Resolves with undefined, and writes nothing, when the log is no longer as this handle knows it. */
function saveOnView(db: Db, decision: Write, view: LogView): Promise<SaveResult | undefined> {
  const stores = suppliedIdsOf(decision).length === 0 ? PLAIN : WITH_IDS;
  return writeIn<SaveResult | undefined>(db, stores, 'strict', async (transaction) => {
    const segments = transaction.objectStore('segments');
    const fromLast = segments.count(keysFrom(view.lastKey));
    unheard(fromLast);
    const known = knownIds(transaction, decision);
    unheard(known);
    const written = putSegments(transaction, decision, view.position, view.tail);
    if ((await fromLast) !== 1) return { abort: undefined };
    return orRepeated(written, await known);
  });
}

function saveFromDisk(
  db: Db,
  epoch: EpochId,
  decide: Decide,
  view: LogView | undefined,
): Promise<SaveResult> {
  return writeIn<SaveResult>(db, ALL, 'strict', async (transaction) => {
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
    const before = tail ?? { epoch, lanes: {}, writes: [] };
    return orRepeated(putSegments(transaction, decision, position, before), known);
  });
}

/** Puts the segments, and tells how the log stands after them. */
function putSegments(
  transaction: Transaction<'readwrite'>,
  { write, segments }: Write,
  position: number,
  before: EpochTail,
): SaveResult {
  let view: LogView | undefined;
  const written: SegmentKey[] = [];
  for (const { stream, first, count, messages, savedAt, suppliedIds } of segments) {
    const at = position + written.length + 1;
    const key: WrittenKey = { position: at, stream, first, count, bytes: messages.length, savedAt, write };
    const keyBytes = encodeSegmentKey(key);
    const value = { messages: exactBytes(messages), checksum: crc32(keyBytes, messages) };
    unheard(transaction.objectStore('segments').put(value, keyBytes));
    for (const id of suppliedIds ?? []) {
      unheard(transaction.objectStore('suppliedIds').put({ position: at }, id));
    }
    written.push(withoutWrite(key));
    view = { lastKey: keyBytes, position: at, tail: appendToTail(view?.tail ?? before, key) };
  }
  return { saved: { outcome: 'written', segments: written }, view };
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

function orRepeated(written: SaveResult, repeated: readonly MessageId[]): SaveResult | Aborted<SaveResult> {
  if (repeated.length === 0) return written;
  return { abort: { saved: { outcome: 'repeated', segments: [], repeated }, view: undefined } };
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
  for (const key of keys) if (key.stream.epoch === start.epoch) tail = appendToTail(tail, key);
  return tail;
}

function appendToTail(tail: EpochTail, key: WrittenKey): EpochTail {
  const lane = laneText(key.stream);
  const last = Math.max(tail.lanes[lane] ?? 0, key.first + key.count - 1);
  return { ...tail, lanes: { ...tail.lanes, [lane]: last }, writes: appendToWrites(tail.writes, key) };
}

function appendToWrites(writes: readonly RecentWrite[], key: WrittenKey): readonly RecentWrite[] {
  const latest = writes.at(-1);
  const segment = withoutWrite(key);
  if (latest?.write === key.write) {
    return [...writes.slice(0, -1), { write: key.write, segments: [...latest.segments, segment] }];
  }
  return [...writes.slice(1 - RECENT_WRITES), { write: key.write, segments: [segment] }];
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
