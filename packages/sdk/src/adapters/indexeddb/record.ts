import {
  type DeviceId,
  type GenerationId,
  isQueueName,
  isUuid,
  LIMITS,
  type MessageId,
  type Session,
  type SessionNonce,
  type EpochId,
  type StreamKey,
} from '@fieldpost/protocol';
import type {
  Contact,
  DeadLetter,
  DrainLease,
  SettledFate,
  Skip,
  StreamMark,
} from '../../ports/outbox-store.ts';
import { crc32 } from './checksum.ts';

// What the small records hold, and how each is read back: all of it or `undefined`, never an exception. Anybody may have
// written here.

/** The record `log`. */
export interface LogRecord {
  readonly settledUpTo: number;
  readonly session: Session | undefined;
  readonly generation: GenerationId | undefined;
  readonly reopenings: number;
  readonly contacts: readonly Contact[];
}

/** What the trimmed segments of an epoch said of its tail. */
export interface EpochRecord {
  /** Every segment of this epoch at or before this position is told of here. */
  readonly through: number;
  /** By lane text: the last number. */
  readonly lanes: Readonly<Record<string, number>>;
  /** The latest that any of them was saved. Unix milliseconds. */
  readonly savedAt: number;
}

/** A segment's value. */
export interface SegmentRecord {
  readonly messages: Uint8Array<ArrayBuffer>;
  /** CRC-32 of the key and the messages. */
  readonly checksum: number;
  /** Its position, if it was saved without a look into the log: see `fence.ts`. */
  readonly place?: number;
  /** Of some of its messages only the ids are left. */
  readonly isHollowed?: true;
}

/** A dead letter, with a checksum of its message. */
export interface DeadLetterRecord extends DeadLetter {
  readonly checksum: number;
}

export function parseDevice(stored: unknown): DeviceId | undefined {
  return typeof stored === 'string' && isUuid(stored) ? (stored as DeviceId) : undefined;
}

/** Ids that the device had before, the last one last. */
export function parseDevices(stored: unknown): readonly DeviceId[] {
  return Array.isArray(stored) ? stored.map(parseDevice).filter((device) => device !== undefined) : [];
}

/** Part by part, so that one damaged part costs no other. */
export function parseLog(stored: unknown): LogRecord {
  const { settledUpTo, session, generation, reopenings, contacts } = fields(stored);
  return {
    settledUpTo: isCount(settledUpTo) ? settledUpTo : 0,
    session: parseSession(session),
    generation: parseGeneration(generation),
    reopenings: isCount(reopenings) ? reopenings : 0,
    contacts: Array.isArray(contacts)
      ? contacts.map(parseContact).filter((contact) => contact !== undefined)
      : [],
  };
}

export function parseLease(stored: unknown): DrainLease | undefined {
  const { holder, until } = fields(stored);
  return typeof holder === 'string' && typeof until === 'number' ? { holder, until } : undefined;
}

export function parsePosition(stored: unknown): number | undefined {
  return isCount(stored) ? stored : undefined;
}

/** How far messages may have been sent: when that cannot be read, any of them may have been. */
export function parseOffered(stored: unknown): number {
  return stored === undefined ? 0 : (parsePosition(stored) ?? Number.MAX_SAFE_INTEGER);
}

export function parseEpochRecord(stored: unknown): EpochRecord | undefined {
  const { through, lanes, savedAt } = fields(stored);
  if (!isCount(through) || typeof savedAt !== 'number') return undefined;
  const entries = Object.entries(fields(lanes));
  if (!entries.every(([, number]) => isCount(number))) return undefined;
  return { through, lanes: Object.fromEntries(entries) as Record<string, number>, savedAt };
}

/** The messages of a segment, when they are those that were saved under this key. */
export function parseSegment(stored: unknown, key: ArrayBuffer, bytes: number): Uint8Array | undefined {
  const { messages, checksum, isHollowed } = fields(stored);
  if (!(messages instanceof Uint8Array)) return undefined;
  if (isHollowed === true ? messages.length > bytes : messages.length !== bytes) return undefined;
  return checksum === crc32(new Uint8Array(key), messages) ? messages : undefined;
}

export function parseMark(key: unknown, stored: unknown): StreamMark | undefined {
  const stream = parseStream(key);
  const { acknowledged, acknowledgedId, reopened } = fields(stored);
  if (stream === undefined || !isCount(acknowledged) || !isUuidText(acknowledgedId)) return undefined;
  const mark = { stream, acknowledged, acknowledgedId: acknowledgedId as MessageId };
  const { upTo, generation } = fields(reopened);
  return isCount(upTo) ? { ...mark, reopened: { upTo, generation: parseGeneration(generation) } } : mark;
}

export function fateKey({ stream, number }: Pick<SettledFate, 'stream' | 'number'>): IDBValidKey {
  return [stream.epoch, stream.queue, stream.priority, number];
}

export function parseFate(key: unknown, stored: unknown): SettledFate | undefined {
  if (!Array.isArray(key) || typeof stored !== 'string') return undefined;
  const stream = parseStream(key.slice(0, 3));
  const number: unknown = key[3];
  return stream === undefined || !isCount(number) ? undefined : { stream, number, code: stored };
}

/** A skip's value, under the key of a fate. */
export function skipRecord({ id, code, isFinal }: Skip): object {
  return { id, code, isFinal };
}

export function parseSkip(key: unknown, stored: unknown): Skip | undefined {
  const { id, code, isFinal } = fields(stored);
  const fate = parseFate(key, code);
  if (fate === undefined || !isUuidText(id)) return undefined;
  return { ...fate, id: id as MessageId, isFinal: isFinal === true };
}

function parseContact(stored: unknown): Contact | undefined {
  const { upTo, timeMs } = fields(stored);
  return isCount(upTo) && isCount(timeMs) ? { upTo, timeMs } : undefined;
}

function parseGeneration(stored: unknown): GenerationId | undefined {
  return isUuidText(stored) ? (stored as GenerationId) : undefined;
}

/** A mark's value. */
export function markRecord({ acknowledged, acknowledgedId, reopened }: StreamMark): object {
  return { acknowledged, acknowledgedId, ...(reopened === undefined ? {} : { reopened }) };
}

export function markKey({ epoch, queue, priority }: StreamKey): IDBValidKey {
  return [epoch, queue, priority];
}

export function deadLetterRecord(letter: DeadLetter): DeadLetterRecord {
  const message = letter.message === undefined ? undefined : exactBytes(letter.message);
  return { ...letter, message, checksum: message === undefined ? 0 : crc32(message) };
}

export function parseDeadLetter(stored: unknown): DeadLetter | undefined {
  const { id, stream, number, state, code, message, savedAt, setAsideAt, checksum } = fields(stored);
  const { epoch, queue, priority } = fields(stream);
  const streamKey = parseStream([epoch, queue, priority]);
  if (!isUuidText(id) || streamKey === undefined || !isCount(number) || typeof code !== 'string')
    return undefined;
  if (!isLetterState(state)) return undefined;
  if (typeof savedAt !== 'number' || typeof setAsideAt !== 'number') return undefined;
  const intact = message instanceof Uint8Array && crc32(message) === checksum;
  return {
    id: id as MessageId,
    stream: streamKey,
    number,
    state,
    code,
    message: intact ? message : undefined,
    savedAt,
    setAsideAt,
  };
}

/** The same bytes in a buffer of their own: a clone of a view takes its whole buffer along. */
export function exactBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes;
  const whole = buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength;
  return whole ? new Uint8Array(buffer) : new Uint8Array(bytes);
}

function isLetterState(value: unknown): value is DeadLetter['state'] {
  return value === 'refused' || value === 'expired' || value === 'unreadable' || value === 'in-doubt';
}

function parseStream(stored: unknown): StreamKey | undefined {
  if (!Array.isArray(stored)) return undefined;
  const [epoch, queue, priority]: unknown[] = stored;
  if (typeof epoch !== 'string' || !/^[0-9a-f]{32}$/.test(epoch)) return undefined;
  if (typeof queue !== 'string' || !isQueueName(queue)) return undefined;
  if (!isCount(priority) || priority > LIMITS.priorityMax) return undefined;
  return { epoch: epoch as EpochId, queue, priority };
}

function parseSession(stored: unknown): Session | undefined {
  const { number, nonce } = fields(stored);
  if (!isCount(number) || typeof nonce !== 'string' || !/^[0-9a-f]{16}$/.test(nonce)) return undefined;
  return { number, nonce: nonce as SessionNonce };
}

function isUuidText(value: unknown): value is string {
  return typeof value === 'string' && isUuid(value);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** The properties of any value, none when it is no object. */
function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
