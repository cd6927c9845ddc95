import { bytesFromUuid, LIMITS, type MessageId, type StreamKey, unpackEntries } from '@fieldpost/protocol';
import { isHollow } from '../../core/outbox/hollow.ts';
import type {
  DeadLetter,
  FoundMessage,
  LogState,
  SegmentKey,
  SettledFate,
  StoredSegment,
  StreamMark,
} from '../../ports/outbox-store.ts';
import { errorName } from './failure.ts';
import {
  fateKey,
  markKey,
  parseDeadLetter,
  parseDevice,
  parseFate,
  parseLog,
  parseMark,
  parseOffered,
  parsePosition,
  parseSegment,
} from './record.ts';
import type { Db, Transaction } from './schema.ts';
import { keysAfter, keysBetween, parseSegmentKey, withoutWrite, type WrittenKey } from './segment-key.ts';
import { readSkips } from './skips.ts';
import { stretchesNear } from './stretches-near.ts';
import { readIn, readValue, together } from './transact.ts';

/** Hears of records that are not what they should be; the rest goes on without them. */
export type Report = (detail: string) => void;

/** A key as stored, for ranges and checksums, and what it says. */
interface StoredKey {
  readonly raw: ArrayBuffer;
  readonly key: WrittenKey;
}

/** So many keys are read at once when it is not known how many segments will fit. */
const KEYS_AT_ONCE = 512;

export function readLog(db: Db, report: Report): Promise<LogState> {
  return readIn(db, ['state', 'marks', 'fates', 'skips'], async (transaction) => {
    const marks = transaction.objectStore('marks');
    const state = transaction.objectStore('state');
    const [log, device, offered, skips, keys, values] = await together(
      () => state.get('log'),
      () => state.get('device'),
      () => state.get('offered'),
      () => readSkips(transaction),
      () => marks.getAllKeys(),
      () => marks.getAll(),
    );
    const streams: StreamMark[] = [];
    for (const [index, key] of keys.entries()) {
      const mark = parseMark(key, values[index]);
      if (mark === undefined) report(`a stream's mark cannot be read and counts as none: ${describe(key)}`);
      else streams.push(mark);
    }
    const reopened = streams.filter((mark) => mark.reopened !== undefined);
    const fates = reopened.length === 0 ? [] : await readFates(transaction, reopened);
    return {
      device: parseDevice(device),
      streams,
      fates,
      offered: parseOffered(offered),
      skips,
      ...parseLog(log),
    };
  });
}

/** What was refused or skipped in these streams. One that cannot be read may be sent as the message that it was. */
async function readFates(
  transaction: Transaction,
  marks: readonly StreamMark[],
): Promise<readonly SettledFate[]> {
  const fates = transaction.objectStore('fates');
  const found = await together(
    ...marks.flatMap(({ stream }) => {
      const range = IDBKeyRange.bound(
        fateKey({ stream, number: 0 }),
        fateKey({ stream, number: Number.MAX_SAFE_INTEGER }),
      );
      return [
        (): Promise<unknown[]> => fates.getAllKeys(range),
        (): Promise<unknown[]> => fates.getAll(range),
      ];
    }),
  );
  return marks.flatMap((_, index) => {
    const values = found[2 * index + 1] ?? [];
    const parsed = (found[2 * index] ?? []).map((key, at) => parseFate(key, values[at]));
    return parsed.filter((fate) => fate !== undefined);
  });
}

export async function listSegments(db: Db, after: number, report: Report): Promise<readonly SegmentKey[]> {
  const keys = await readIn(db, ['segments'], (transaction) =>
    storedKeys(transaction, keysAfter(after), report),
  );
  return keys.map(({ key }) => withoutWrite(key));
}

export async function loadSegments(
  db: Db,
  request: { readonly after: number; readonly bytesMax: number },
  report: Report,
): Promise<readonly StoredSegment[]> {
  const keys = await readIn(db, ['segments'], (transaction) =>
    storedKeys(transaction, keysAfter(request.after), report, KEYS_AT_ONCE),
  );
  const chosen: StoredKey[] = [];
  let bytes = 0;
  for (const stored of keys) {
    bytes += stored.key.bytes;
    if (chosen.length > 0 && bytes > request.bytesMax) break;
    chosen.push(stored);
  }
  return loadKeys(db, chosen, report);
}

export function listDeadLetters(db: Db, report: Report): Promise<readonly DeadLetter[]> {
  return readIn(db, ['deadLetters'], async (transaction) => {
    const stored = await transaction.objectStore('deadLetters').getAll();
    const letters: DeadLetter[] = [];
    for (const value of stored) {
      const letter = parseDeadLetter(value);
      if (letter === undefined) report('a dead letter cannot be read and is passed over');
      else letters.push(letter);
    }
    return letters;
  });
}

/** Looks among the dead letters, then where a supplied id leads, then in the log where it was when the id was made. */
export async function findMessage(db: Db, id: MessageId, report: Report): Promise<FoundMessage | undefined> {
  const { letter, position, keys } = await readIn(
    db,
    ['deadLetters', 'suppliedIds', 'segments'],
    async (transaction) => {
      const [dead, supplied] = await together(
        () => transaction.objectStore('deadLetters').index('id').get(id),
        () => transaction.objectStore('suppliedIds').get(id),
      );
      const at = positionOf(supplied);
      const range = at === undefined ? keysAfter(0) : keysBetween(at - 1, at);
      return {
        letter: parseDeadLetter(dead),
        position: at,
        keys: await storedKeys(transaction, range, report),
      };
    },
  );
  if (letter !== undefined) {
    const { stream, number, savedAt, message } = letter;
    return { stream, number, savedAt, message, acknowledged: true, deadLetter: letter };
  }
  const inLog = await searchLog(db, id, keys, report);
  if (inLog !== undefined || position === undefined) return inLog;
  report(`the message ${id} is not where its id leads, or cannot be read there`);
  // A message of a supplied id is saved in a segment of its own.
  const [stored, ...others] = keys;
  return stored?.key.count === 1 && others.length === 0 ? unreadableAt(db, stored.key) : undefined;
}

async function unreadableAt(db: Db, { stream, first, savedAt }: WrittenKey): Promise<FoundMessage> {
  const acknowledged = first <= (await acknowledgedOf(db, stream));
  return { stream, number: first, savedAt, message: undefined, acknowledged, deadLetter: undefined };
}

async function acknowledgedOf(db: Db, stream: StreamKey): Promise<number> {
  return parseMark(markKey(stream), await readValue(db, 'marks', markKey(stream)))?.acknowledged ?? 0;
}

async function searchLog(
  db: Db,
  id: MessageId,
  keys: readonly StoredKey[],
  report: Report,
): Promise<FoundMessage | undefined> {
  const wanted = bytesFromUuid(id);
  const written = keys.map(({ key }) => key);
  for (const { start, end } of stretchesNear(written, timeOfId(wanted))) {
    for (const segment of await loadKeys(db, keys.slice(start, end), report)) {
      const found = searchSegment(segment, wanted);
      if (found === undefined) continue;
      const { stream, savedAt } = segment;
      const place = { stream, number: found.number };
      const acknowledged = found.number <= (await acknowledgedOf(db, stream));
      const code = parseFate(fateKey(place), await readValue(db, 'fates', fateKey(place)))?.code;
      const message = isHollow(found.message) ? undefined : found.message;
      return { ...place, savedAt, message, acknowledged, deadLetter: undefined, code };
    }
  }
  return undefined;
}

/** When a UUIDv7 was made, in Unix milliseconds: its first six bytes. This device makes no others; supplied ids are indexed. */
function timeOfId(id: Uint8Array): number {
  const view = new DataView(id.buffer, id.byteOffset);
  return view.getUint16(0) * 2 ** 32 + view.getUint32(2);
}

function searchSegment(
  segment: StoredSegment,
  wanted: Uint8Array,
): { readonly number: number; readonly message: Uint8Array } | undefined {
  if (segment.messages === undefined) return undefined;
  try {
    const messages = unpackEntries(segment.messages, LIMITS.runMessages);
    for (const [index, message] of messages.entries()) {
      const id = message.subarray(0, wanted.length);
      if (wanted.every((byte, at) => id[at] === byte)) return { number: segment.first + index, message };
    }
  } catch {
    // Saved intact, yet no messages: not by this release. Draining tells of it.
  }
  return undefined;
}

async function storedKeys(
  transaction: Transaction,
  range: IDBKeyRange,
  report: Report,
  countMax?: number,
): Promise<StoredKey[]> {
  const keys: StoredKey[] = [];
  for (const raw of await transaction.objectStore('segments').getAllKeys(range, countMax)) {
    const key = parseSegmentKey(raw);
    if (key === undefined || !(raw instanceof ArrayBuffer)) {
      report(`a segment under a foreign key is passed over: ${describe(raw)}`);
    } else keys.push({ raw, key });
  }
  return keys;
}

/** Loads neighbouring segments at once, or one by one when the browser cannot read one of them. */
async function loadKeys(db: Db, keys: readonly StoredKey[], report: Report): Promise<StoredSegment[]> {
  const first = keys[0];
  const last = keys.at(-1);
  if (first === undefined || last === undefined) return [];
  const values = new Map<string, unknown>();
  try {
    await readIn(db, ['segments'], async (transaction) => {
      const segments = transaction.objectStore('segments');
      const range = IDBKeyRange.bound(first.raw, last.raw);
      const [raws, all] = await together(
        () => segments.getAllKeys(range),
        () => segments.getAll(range),
      );
      for (const [index, raw] of raws.entries()) values.set(textOf(raw), all[index]);
    });
  } catch {
    for (const { raw } of keys) values.set(textOf(raw), await readAlone(db, raw, report));
  }
  return keys.filter(({ raw }) => values.has(textOf(raw))).map((stored) => toSegment(stored, values, report));
}

/** Undefined for a record that the browser cannot read, although it can read others. */
async function readAlone(db: Db, raw: ArrayBuffer, report: Report): Promise<unknown> {
  try {
    return await readValue(db, 'segments', raw);
  } catch (error) {
    // A dead handle fails here, too, and then the segment may be well.
    await readValue(db, 'state', 'device');
    report(`a segment cannot be read: ${errorName(error) ?? 'unknown error'}`);
    return undefined;
  }
}

function toSegment({ raw, key }: StoredKey, values: Map<string, unknown>, report: Report): StoredSegment {
  const messages = parseSegment(values.get(textOf(raw)), raw, key.bytes);
  if (messages === undefined) report(`the segment at position ${key.position} is damaged`);
  return { ...withoutWrite(key), messages };
}

function textOf(raw: unknown): string {
  return raw instanceof ArrayBuffer ? String.fromCharCode(...new Uint8Array(raw)) : '';
}

function positionOf(stored: unknown): number | undefined {
  return typeof stored === 'object' && stored !== null && 'position' in stored
    ? parsePosition(stored.position)
    : undefined;
}

function describe(key: unknown): string {
  if (key instanceof ArrayBuffer) return `${key.byteLength} bytes`;
  return JSON.stringify(key)?.slice(0, 80) ?? typeof key;
}
