import { encode } from '@msgpack/msgpack';
import * as v from 'valibot';
import { packEntries, unpackEntries } from './entries.ts';
import { ProtocolError } from './errors.ts';
import { type DownFrame, downFrame } from './frames/down.ts';
import { type UpFrame, upFrame } from './frames/up.ts';
import { bytesFromHex, bytesFromUuid } from './ids.ts';
import { issueText } from './issue-text.ts';
import { LIMITS } from './limits.ts';
import { readMessagePack } from './read-messagepack.ts';
import { wellFormed } from './utf8.ts';

/**
 * The only reader and writer of frames. A frame is one MessagePack map with a `type`; unknown keys are passed over, so
 * that a later version may add some. Ids travel as bytes.
 */

/** The bytes of a frame of a device. */
export function encodeUp(frame: UpFrame): Uint8Array<ArrayBuffer> {
  return encode(toWire(frame), ENCODE_OPTIONS);
}

/** The bytes of a frame of a gateway. */
export function encodeDown(frame: DownFrame): Uint8Array<ArrayBuffer> {
  return encode(toWire(frame), ENCODE_OPTIONS);
}

/**
 * Reads a frame of a device.
 *
 * @throws ProtocolError `malformed-frame` for anything else, whatever the bytes
 */
export function decodeUp(bytes: Uint8Array): UpFrame {
  return parse(upFrame, bytes);
}

/**
 * Reads a frame of a gateway.
 *
 * @throws ProtocolError `malformed-frame` for anything else, whatever the bytes
 */
export function decodeDown(bytes: Uint8Array): DownFrame {
  return parse(downFrame, bytes);
}

/** Packs encoded frames into one HTTP body. */
export function packFrames(frames: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return packEntries(frames);
}

/**
 * The encoded frames of one HTTP body.
 *
 * @throws ProtocolError `malformed-frame`
 */
export function unpackFrames(body: Uint8Array): Uint8Array[] {
  return unpackEntries(body, LIMITS.syncFrames);
}

const ENCODE_OPTIONS = { ignoreUndefined: true } as const;

function parse<Schema extends v.GenericSchema>(schema: Schema, bytes: Uint8Array): v.InferOutput<Schema> {
  if (bytes.length > LIMITS.frameBytes)
    throw new ProtocolError(
      'malformed-frame',
      `a frame of ${bytes.length} bytes; at most ${LIMITS.frameBytes}`,
    );
  const parsed = v.safeParse(schema, readMessagePack(bytes, 'malformed-frame'), { abortEarly: true });
  if (parsed.success) return parsed.output;
  throw new ProtocolError('malformed-frame', issueText('frame', parsed.issues));
}

/** Keys whose values are ids: text in the program, bytes on the wire. */
const UUID_KEYS: ReadonlySet<string> = new Set(['device', 'generation', 'id', 'acceptedId']);
const HEX_KEYS: ReadonlySet<string> = new Set(['epoch', 'nonce']);

function toWire(value: unknown, key = ''): unknown {
  if (typeof value === 'string') {
    if (UUID_KEYS.has(key)) return bytesFromUuid(value);
    if (HEX_KEYS.has(key)) return bytesFromHex(value);
    return wellFormed(value);
  }
  if (Array.isArray(value)) return value.map((item) => toWire(item, key === 'epochs' ? 'epoch' : ''));
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return value;
  const wire: Record<string, unknown> = {};
  for (const [name, inner] of Object.entries(value)) wire[name] = toWire(inner, name);
  return wire;
}
