import {
  type Code,
  DEFAULT_CONTENT_TYPE,
  encodeProperties,
  LIMITS,
  type MessageId,
  messageIdFrom,
  type MessageProperties,
} from '@fieldpost/protocol';
import { z } from '@hono/zod-openapi';
import { deliveryTerms } from '../core/delivery-terms.ts';
import type { ProducedAnswer, ProducedMessage, ProduceRefusal } from '../core/produce.ts';
import type { Digest } from '../ports/digest.ts';
import type { Entropy } from '../ports/entropy.ts';
import { memberSource } from './json-source.ts';
import { queueNotFound, RequestError } from './problem.ts';
import type { ProducedMessageJson } from './schemas.ts';

// Messages that come over HTTP: from JSON to what the core decides on, and its answers as JSON.

export interface ProducePorts {
  readonly entropy: Entropy;
  readonly digest: Digest;
}

/** Messages of one request: all of them in one transaction. */
export const SEND_MESSAGES_MAX = 1024;
/** One body of the largest size in base64, or many small ones. */
export const SEND_BYTES_MAX = 8 * 1024 * 1024;
export const ID_RANDOM_BYTES = 10;

/** What sending may be refused with. */
export const PRODUCE_PROBLEMS: readonly Code[] = [
  'access-denied',
  'queue-not-found',
  'too-large',
  'bad-message',
  'conflict',
  'quota-exceeded',
  'queue-paused',
  'schema-mismatch',
];

/** A message as it stands in a request. */
export interface RequestedMessage {
  readonly queue: string;
  /** Unix milliseconds. */
  readonly now: number;
  readonly message: ProducedMessageJson;
  /** The JSON text that `message` was read from. */
  readonly source: string;
  /** Where in the request, for the texts of problems. */
  readonly where: string;
}

/** @throws RequestError for a message that no queue would take */
export function producedMessageOf(ports: ProducePorts, request: RequestedMessage): ProducedMessage {
  const { queue, now, message, source, where } = request;
  const body = bodyOf(message, source, where);
  if (body.length > LIMITS.bodyBytesMax) {
    throw new RequestError(
      'too-large',
      `${where}: a body of ${body.length} bytes; at most ${LIMITS.bodyBytesMax}`,
    );
  }
  // The one name that a schema's reading of a map drops without a word.
  const headers = message.headers === undefined ? undefined : memberSource(source, 'headers');
  if (headers !== undefined && memberSource(headers, '__proto__') !== undefined) {
    throw new RequestError('invalid-request', `${where}: a header may not be named __proto__`);
  }
  const named = propertiesOf(message);
  const properties = encodeProperties(named);
  const terms = deliveryTerms(named, now, now);
  if (typeof terms === 'string') throw new RequestError(terms, `${where}: no time is left to it`);
  const priority = message.priority ?? LIMITS.priorityDefault;
  const content = { queue, properties, body, priority, terms };
  if (message.id === undefined)
    return { ...content, id: messageIdFrom(now, ports.entropy.bytes(ID_RANDOM_BYTES)) };
  // The schema lets upper-case digits pass; ids are compared as text, so one form only.
  const id = message.id.toLowerCase() as MessageId;
  return { ...content, id, contentHash: contentHashOf(ports.digest, content) };
}

/** SHA-256 of what makes two sends the same. */
export function contentHashOf(
  digest: Digest,
  { queue, priority, properties, body }: Pick<ProducedMessage, 'queue' | 'priority' | 'properties' | 'body'>,
): Uint8Array {
  const head = new TextEncoder().encode(JSON.stringify([queue, priority, properties.length]));
  return digest.sha256([head, properties, body]);
}

function bodyOf(message: ProducedMessageJson, source: string, where: string): Uint8Array {
  const bodyText = memberSource(source, 'body');
  if (message.bodyBase64 !== undefined) {
    if (bodyText === undefined) return Buffer.from(message.bodyBase64, 'base64');
    throw new RequestError('invalid-request', `${where}: has both body and bodyBase64`);
  }
  if (bodyText === undefined)
    throw new RequestError('invalid-request', `${where}: has neither body nor bodyBase64`);
  return new TextEncoder().encode(bodyText);
}

function propertiesOf(message: ProducedMessageJson): MessageProperties {
  const { contentType, headers, label, correlationId, replyTo, traceparent } = message;
  const { timeToLiveMs, deliverAfterMs, groupId } = message;
  const all = {
    contentType: contentType === DEFAULT_CONTENT_TYPE ? undefined : contentType,
    headers,
    label,
    correlationId,
    replyTo,
    traceparent,
    timeToLiveMs,
    deliverAfterMs,
    groupId,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/**
 * Why nothing of a request was stored.
 *
 * @param where which message of it was the reason
 */
export function produceProblem(
  { code, retryAfterMs }: { readonly code: ProduceRefusal; readonly retryAfterMs?: number },
  message: ProducedMessage | undefined,
  where: string,
): RequestError {
  const queue = message?.queue ?? '';
  if (code === 'quota-exceeded' || code === 'queue-paused') {
    const why = code === 'queue-paused' ? 'is paused for sending' : 'is full';
    const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
    return new RequestError(code, `${where}: queue ${queue} ${why}; nothing was stored`, wait);
  }
  if (code === 'schema-mismatch')
    return new RequestError(code, `${where}: the body is not what queue ${queue} takes`);
  if (code === 'queue-not-found') return queueNotFound(queue);
  if (code === 'conflict') {
    return new RequestError(
      'conflict',
      `${where}: id ${message?.id ?? ''} was sent before with other content`,
    );
  }
  return new RequestError(
    'too-large',
    `${where}: a body of ${message?.body.length ?? 0} bytes is more than the queue takes`,
  );
}

export const sentMessage = z.object({ id: z.uuid(), sentAt: z.iso.datetime() });

export function sentMessageJson({ id, sentAt }: ProducedAnswer): z.infer<typeof sentMessage> {
  return { id, sentAt: new Date(sentAt).toISOString() };
}
