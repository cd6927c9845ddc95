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
import type { DeadLetter, DrainLease, StreamMark } from '../../ports/outbox-store.ts';
import { crc32 } from './checksum.ts';

// What the small records hold, and how each is read back: all of it or `undefined`, never an exception. Anybody may have
// written here.

/** The record `log`. */
export interface LogRecord {
  readonly settledUpTo: number;
  readonly session: Session | undefined;
  readonly generation: GenerationId | undefined;
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
}

/** A dead letter, with a checksum of its message. */
export interface DeadLetterRecord extends DeadLetter {
  readonly checksum: number;
}

export function parseDevice(stored: unknown): DeviceId | undefined {
  return typeof stored === 'string' && isUuid(stored) ? (stored as DeviceId) : undefined;
}

/** Part by part, so that one damaged part costs no other. */
export function parseLog(stored: unknown): LogRecord {
  const { settledUpTo, session, generation } = fields(stored);
  return {
    settledUpTo: isCount(settledUpTo) ? settledUpTo : 0,
    session: parseSession(session),
    generation: isUuidText(generation) ? (generation as GenerationId) : undefined,
  };
}

export function parseLease(stored: unknown): DrainLease | undefined {
  const { holder, until } = fields(stored);
  return typeof holder === 'string' && typeof until === 'number' ? { holder, until } : undefined;
}

export function parsePosition(stored: unknown): number | undefined {
  return isCount(stored) ? stored : undefined;
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
  const { messages, checksum } = fields(stored);
  if (!(messages instanceof Uint8Array) || messages.length !== bytes) return undefined;
  return checksum === crc32(new Uint8Array(key), messages) ? messages : undefined;
}

export function parseMark(key: unknown, stored: unknown): StreamMark | undefined {
  const stream = parseStream(key);
  const { acknowledged, acknowledgedId } = fields(stored);
  if (stream === undefined || !isCount(acknowledged) || !isUuidText(acknowledgedId)) return undefined;
  return { stream, acknowledged, acknowledgedId: acknowledgedId as MessageId };
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
  if (state !== 'refused' && state !== 'unreadable' && state !== 'in-doubt') return undefined;
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
