import { DEFAULT_CONTENT_TYPE } from '@fieldpost/protocol';
import { readStoredProperties } from '../core/stored-properties.ts';
import type { StoredMessage, StoryEntry } from '../ports/gateway-store.ts';
import { isoTime } from './iso-time.ts';

/**
 * How bodies stand in an answer: `auto` gives JSON as JSON and all else as base64; `base64` gives every body as base64;
 * `none` leaves them out.
 */
export type BodyForm = 'auto' | 'base64' | 'none';

/** A part of an answer that is JSON text already. */
export type JsonText = string;

/**
 * The JSON text of a stored message. A JSON body goes out by its own text and not by parsing and writing it again: a
 * number beyond 2^53 keeps its digits.
 */
export function messageJson(
  message: StoredMessage,
  form: BodyForm,
  extra: Readonly<Record<string, string | number>> = {},
): JsonText {
  const properties = readStoredProperties(message.properties);
  const contentType = properties.contentType ?? DEFAULT_CONTENT_TYPE;
  const { contentType: _, headers = {}, ...named } = properties;
  const members = {
    id: message.id,
    ...extra,
    priority: message.priority,
    deliveryCount: message.deliveryCount,
    lifetimeDeliveryCount: message.deliveryCount + (message.story?.deliveries ?? 0),
    contentType,
    headers,
    ...named,
    ...(message.story === undefined ? {} : { history: message.story.entries.map(entryJson) }),
    ...(message.origin === undefined ? {} : { device: message.origin.device }),
    sentAt: isoTime(message.sentAt),
    arrivedAt: isoTime(message.arrivedAt),
  };
  const text = JSON.stringify(members);
  if (form === 'none') return `${text.slice(0, -1)},"bodyBytes":${message.body.length}}`;
  return `${text.slice(0, -1)},${bodyMember(message.body, contentType, form)}}`;
}

function entryJson({ queue, code, reason, at, deliveries }: StoryEntry): Readonly<Record<string, unknown>> {
  const given = reason === undefined ? {} : { reason };
  return { queue, code, ...given, at: new Date(at).toISOString(), deliveryCount: deliveries };
}

function bodyMember(body: Uint8Array, contentType: string, form: BodyForm): JsonText {
  const json = form === 'auto' && isJsonType(contentType) ? jsonText(body) : undefined;
  if (json !== undefined) return `"body":${json}`;
  const base64 = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('base64');
  return `"bodyBase64":${JSON.stringify(base64)}`;
}

function isJsonType(contentType: string): boolean {
  const [type = ''] = contentType.split(';');
  return /^application\/(?:[a-z0-9.+-]+\+)?json$/i.test(type.trim());
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The body as JSON text; undefined when it is none. */
function jsonText(body: Uint8Array): JsonText | undefined {
  try {
    const text = UTF8.decode(body);
    JSON.parse(text);
    return text;
  } catch {
    return undefined;
  }
}
