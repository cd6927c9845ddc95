import { encode } from '@msgpack/msgpack';
import * as v from 'valibot';
import { ProtocolError } from './errors.ts';
import { count } from './frames/fields.ts';
import { bytesFromUuid, type MessageId, uuidFromBytes } from './ids.ts';
import { issueText } from './issue-text.ts';
import { LIMITS } from './limits.ts';
import { readMessagePack } from './read-messagepack.ts';
import { isPlainText, utf8Bytes } from './utf8.ts';

/**
 * A message as it is saved, sent and stored, byte for byte the same everywhere:
 *
 *     id (16 bytes) ‖ length of the properties (2 bytes, big-endian) ‖ properties ‖ body (the rest)
 *
 * The properties are a MessagePack map of those that differ from their default; no bytes when none does.
 */
export interface Message {
  readonly id: MessageId;
  readonly properties: MessageProperties;
  readonly body: Uint8Array;
}

/** Text for people and for other systems' headers: counted in UTF-16 units, as JavaScript does. */
function text(characters: number) {
  return v.pipe(
    v.string(),
    v.maxLength(characters),
    v.check(isPlainText, 'has control characters or half a surrogate pair'),
  );
}

const token = v.pipe(text(LIMITS.tokenCharacters), v.minLength(1));

/** Milliseconds since the message was saved. A duration, so that no two clocks have to agree. */
const duration = v.pipe(count, v.maxValue(LIMITS.durationMs));

/** Which fates of a message its sender hears of; a message that names none: `reach`. */
export const ACK_LEVELS = ['none', 'reach', 'receive', 'full'] as const;

/** Not `v.record`, which drops the names `constructor` and `prototype` without a word. */
const headers = v.pipe(
  v.custom<Readonly<Record<string, string>>>(isTextMap, 'not a map of texts'),
  v.check(
    (map) => Object.keys(map).every(isHeaderName),
    'a name is empty, `__proto__`, or has control characters or half a surrogate pair',
  ),
  v.check(
    (map) => Object.values(map).every(isPlainText),
    'a value has control characters or half a surrogate pair',
  ),
  v.check((map) => Object.keys(map).length <= LIMITS.headers, `more than ${LIMITS.headers} headers`),
  v.check((map) => headersBytes(map) <= LIMITS.headersBytes, `more than ${LIMITS.headersBytes} bytes`),
);

export const propertiesSchema = v.object({
  /** The media type of the body; absent means `application/json`. */
  contentType: v.optional(v.pipe(text(LIMITS.contentTypeCharacters), v.minLength(1))),
  /** Names and values in UTF-8, at most {@link LIMITS.headers} of them and {@link LIMITS.headersBytes} bytes. */
  headers: v.optional(headers),
  /** For people. */
  label: v.optional(text(LIMITS.labelCharacters)),
  correlationId: v.optional(token),
  replyTo: v.optional(token),
  /** W3C Trace Context, kept across the time offline. */
  traceparent: v.optional(text(LIMITS.tokenCharacters)),
  /** The id of a refused message that this one takes the place of. */
  replaces: v.optional(token),
  /** Refused with `reach-timeout` unless the gateway has it within this time. */
  timeToReachQueueMs: v.optional(duration),
  /** Removed from its queue with `receive-timeout` unless a consumer acknowledged it within this time. */
  timeToLiveMs: v.optional(duration),
  /** Invisible to consumers before this time has passed. */
  deliverAfterMs: v.optional(duration),
  /** Messages of one group are handed out one at a time, in order. */
  groupId: v.optional(token),
  /** Which fates the sender hears of. */
  ack: v.optional(v.picklist(ACK_LEVELS)),
});

/** What a message carries beside its body; absent means the default. */
export type MessageProperties = v.InferOutput<typeof propertiesSchema>;

/** The media type of a body whose message names none. */
export const DEFAULT_CONTENT_TYPE = 'application/json';

const ID_BYTES = 16;
const HEAD_BYTES = ID_BYTES + 2;
const NO_PROPERTIES: MessageProperties = Object.freeze({});

/**
 * The bytes of a message.
 *
 * @throws ProtocolError `bad-message` when a property is out of bounds, `too-large` for the body
 */
export function encodeMessage(message: Message): Uint8Array<ArrayBuffer> {
  if (message.body.length > LIMITS.bodyBytesMax) {
    throw new ProtocolError(
      'too-large',
      `a body of ${message.body.length} bytes; at most ${LIMITS.bodyBytesMax} travel in a message`,
    );
  }
  const properties = encodeProperties(message.properties);
  const bytes = new Uint8Array(HEAD_BYTES + properties.length + message.body.length);
  bytes.set(bytesFromUuid(message.id), 0);
  new DataView(bytes.buffer).setUint16(ID_BYTES, properties.length);
  bytes.set(properties, HEAD_BYTES);
  bytes.set(message.body, HEAD_BYTES + properties.length);
  return bytes;
}

/** The properties alone, as they stand in a message. */
export function encodeProperties(properties: MessageProperties): Uint8Array {
  const known = v.safeParse(propertiesSchema, properties, { abortEarly: true });
  if (!known.success) throw new ProtocolError('bad-message', issueText('properties', known.issues));
  if (Object.values(known.output).every((value) => value === undefined)) return new Uint8Array(0);
  const encoded = encode(known.output, { ignoreUndefined: true });
  if (encoded.length > LIMITS.propertiesBytes) {
    throw new ProtocolError(
      'bad-message',
      `properties of ${encoded.length} bytes; at most ${LIMITS.propertiesBytes}`,
    );
  }
  return encoded;
}

/** The three parts of a message's bytes, as views, without looking into them: for storing. */
export interface MessageParts {
  readonly id: Uint8Array;
  readonly properties: Uint8Array;
  readonly body: Uint8Array;
}

/**
 * Splits a message's bytes; checks lengths and nothing else.
 *
 * @throws ProtocolError `bad-message`
 */
export function splitMessage(bytes: Uint8Array): MessageParts {
  if (bytes.length < HEAD_BYTES)
    throw new ProtocolError('bad-message', `a message has at least ${HEAD_BYTES} bytes, not ${bytes.length}`);
  const propertiesLength = ((bytes[ID_BYTES] ?? 0) << 8) | (bytes[ID_BYTES + 1] ?? 0);
  const bodyStart = HEAD_BYTES + propertiesLength;
  if (bodyStart > bytes.length)
    throw new ProtocolError(
      'bad-message',
      `properties of ${propertiesLength} bytes, ${bytes.length - HEAD_BYTES} are there`,
    );
  return {
    id: bytes.subarray(0, ID_BYTES),
    properties: bytes.subarray(HEAD_BYTES, bodyStart),
    body: bytes.subarray(bodyStart),
  };
}

/**
 * Reads the properties part of a message. Unknown properties of a later version are passed over.
 *
 * @throws ProtocolError `bad-message`
 */
export function decodeProperties(bytes: Uint8Array): MessageProperties {
  if (bytes.length === 0) return NO_PROPERTIES;
  if (bytes.length > LIMITS.propertiesBytes)
    throw new ProtocolError(
      'bad-message',
      `properties of ${bytes.length} bytes; at most ${LIMITS.propertiesBytes}`,
    );
  const value = readMessagePack(bytes, 'bad-message');
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array) {
    throw new ProtocolError('bad-message', 'the properties are not a map');
  }
  const parsed = v.safeParse(propertiesSchema, value, { abortEarly: true });
  if (!parsed.success) throw new ProtocolError('bad-message', issueText('properties', parsed.issues));
  return parsed.output;
}

/**
 * Reads a message whole.
 *
 * @throws ProtocolError `bad-message`, or `too-large` for the body
 */
export function decodeMessage(bytes: Uint8Array): Message {
  const parts = splitMessage(bytes);
  if (parts.body.length > LIMITS.bodyBytesMax)
    throw new ProtocolError(
      'too-large',
      `a body of ${parts.body.length} bytes; at most ${LIMITS.bodyBytesMax}`,
    );
  return {
    id: uuidFromBytes(parts.id) as MessageId,
    properties: decodeProperties(parts.properties),
    body: parts.body,
  };
}

function isTextMap(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    return false;
  return Object.values(value).every((item) => typeof item === 'string');
}

/** `__proto__` would be lost in many readers, ours among them. */
function isHeaderName(name: string): boolean {
  return name !== '' && name !== '__proto__' && isPlainText(name);
}

function headersBytes(map: Readonly<Record<string, string>>): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(map)) bytes += utf8Bytes(name) + utf8Bytes(value);
  return bytes;
}
