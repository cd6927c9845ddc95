import {
  DEFAULT_CONTENT_TYPE,
  encodeProperties,
  LIMITS,
  type MessageId,
  messageIdFrom,
  type MessageProperties,
} from '@fieldpost/protocol';
import { z } from '@hono/zod-openapi';
import { deliveryTerms } from '../../core/delivery-terms.ts';
import {
  decideProduce,
  type ProducedAnswer,
  type ProducedMessage,
  type ProduceRefusal,
  type ProduceResult,
  scopeOfProduce,
} from '../../core/produce.ts';
import type { BodySchemas } from '../../ports/body-schemas.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Conditions } from '../../ports/conditions.ts';
import type { Digest } from '../../ports/digest.ts';
import type { Entropy } from '../../ports/entropy.ts';
import type { GatewayStore } from '../../ports/gateway-store.ts';
import type { Logger } from '../../ports/logger.ts';
import type { Arrivals } from '../../shell/arrivals.ts';
import { logRuleProblems } from '../../shell/log-rule-problems.ts';
import { type Api, requirePermission } from '../api.ts';
import { itemSources, memberSource } from '../json-source.ts';
import { RequestError } from '../problem.ts';
import { producedMessage, type ProducedMessageJson, queueParams } from '../schemas.ts';
import { queueNotFound } from './queues.ts';

export interface SendRoutePorts {
  readonly store: GatewayStore;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly digest: Digest;
  readonly arrivals: Arrivals;
  readonly conditions: Conditions;
  readonly schemas: BodySchemas;
  readonly logger: Logger;
}

export interface SendRouteSettings {
  readonly createQueue?: { readonly maxBodyBytes: number };
}

/** Messages of one request: all of them in one transaction. */
const SEND_MESSAGES_MAX = 1024;
/** One body of the largest size in base64, or many small ones. */
const SEND_BYTES_MAX = 8 * 1024 * 1024;
const ID_RANDOM_BYTES = 10;

const sendBody = z.union([
  z.object({ messages: z.array(producedMessage).min(1).max(SEND_MESSAGES_MAX) }),
  producedMessage,
]);

const sentMessage = z.object({ id: z.uuid(), sentAt: z.iso.datetime() });
const sendAnswer = z.union([sentMessage, z.object({ messages: z.array(sentMessage) })]);

/** Sending by server-side producers. */
export function addSendRoute(api: Api, ports: SendRoutePorts, settings: SendRouteSettings): void {
  const { store, clock, arrivals, conditions, schemas, logger } = ports;
  api.route(
    {
      method: 'post',
      path: '/v1/queues/{queue}/messages',
      tag: 'Messages',
      summary: 'Send one message or many',
      description:
        'Durable when it answers; many are stored all or none. With an `id` of yours the call may be repeated: the same ' +
        'content gives the first answer again, other content is `conflict`.',
      params: queueParams,
      body: sendBody,
      bodyBytesMax: SEND_BYTES_MAX,
      answers: {
        200: {
          description: 'One message for `{…}`, a list for `{ messages: […] }`, in its order.',
          schema: sendAnswer,
        },
      },
      problems: [
        'access-denied',
        'queue-not-found',
        'too-large',
        'bad-message',
        'conflict',
        'quota-exceeded',
        'queue-paused',
        'schema-mismatch',
      ],
    },
    async ({ c, principal, params: { queue }, body, bodyText }) => {
      requirePermission(principal, 'send', queue);
      const isMany = 'messages' in body;
      const sources = isMany ? itemSources(memberSource(bodyText, 'messages') ?? '[]') : [bodyText];
      const list = isMany ? body.messages : [body];
      const messages = list.map((message, index) =>
        produced(ports, queue, message, sources[index] ?? '', index),
      );
      const context = { queue, now: clock.now(), conditions, schemas, ...settings };
      const result = await store.transact(scopeOfProduce(queue, messages), (snapshot) =>
        decideProduce(snapshot, messages, context),
      );
      if ('code' in result) throw refusal(result, queue, messages[result.index]);
      for (const arrived of result.arrivals) arrivals.notify(arrived);
      logRuleProblems(logger, result.ruleProblems);
      const [only] = result.answers;
      return c.json(
        isMany || only === undefined ? { messages: result.answers.map(answerJson) } : answerJson(only),
      );
    },
  );
}

function produced(
  ports: SendRoutePorts,
  queue: string,
  message: ProducedMessageJson,
  source: string,
  index: number,
): ProducedMessage {
  const body = bodyOf(message, source, index);
  if (body.length > LIMITS.bodyBytesMax) {
    throw new RequestError(
      'too-large',
      `messages.${index}: a body of ${body.length} bytes; at most ${LIMITS.bodyBytesMax}`,
    );
  }
  // The one name that a schema's reading of a map drops without a word.
  const headers = message.headers === undefined ? undefined : memberSource(source, 'headers');
  if (headers !== undefined && memberSource(headers, '__proto__') !== undefined) {
    throw new RequestError('invalid-request', `messages.${index}: a header may not be named __proto__`);
  }
  const named = propertiesOf(message);
  const properties = encodeProperties(named);
  const now = ports.clock.now();
  const terms = deliveryTerms(named, now, now);
  if (typeof terms === 'string') throw new RequestError(terms, `messages.${index}: no time is left to it`);
  const priority = message.priority ?? LIMITS.priorityDefault;
  if (message.id === undefined) {
    const id = messageIdFrom(now, ports.entropy.bytes(ID_RANDOM_BYTES));
    return { id, properties, body, priority, terms };
  }
  // The schema lets upper-case digits pass; ids are compared as text, so one form only.
  const id = message.id.toLowerCase() as MessageId;
  const head = new TextEncoder().encode(JSON.stringify([queue, priority, properties.length]));
  return {
    id,
    properties,
    body,
    priority,
    terms,
    contentHash: ports.digest.sha256([head, properties, body]),
  };
}

function bodyOf(message: ProducedMessageJson, source: string, index: number): Uint8Array {
  const bodyText = memberSource(source, 'body');
  if (message.bodyBase64 !== undefined) {
    if (bodyText === undefined) return Buffer.from(message.bodyBase64, 'base64');
    throw new RequestError('invalid-request', `messages.${index}: has both body and bodyBase64`);
  }
  if (bodyText === undefined)
    throw new RequestError('invalid-request', `messages.${index}: has neither body nor bodyBase64`);
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

function refusal(
  { code, index, retryAfterMs }: Extract<ProduceResult, { readonly code: ProduceRefusal }>,
  queue: string,
  message: ProducedMessage | undefined,
): RequestError {
  if (code === 'quota-exceeded' || code === 'queue-paused') {
    const why = code === 'queue-paused' ? 'is paused for sending' : 'is full';
    const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
    return new RequestError(code, `messages.${index}: queue ${queue} ${why}; nothing was stored`, wait);
  }
  if (code === 'schema-mismatch')
    return new RequestError(code, `messages.${index}: the body is not what queue ${queue} takes`);
  if (code === 'queue-not-found') return queueNotFound(queue);
  if (code === 'conflict') {
    return new RequestError(
      'conflict',
      `messages.${index}: id ${message?.id ?? ''} was sent before with other content`,
    );
  }
  return new RequestError(
    'too-large',
    `messages.${index}: a body of ${message?.body.length ?? 0} bytes is more than the queue takes`,
  );
}

function answerJson({ id, sentAt }: ProducedAnswer): z.infer<typeof sentMessage> {
  return { id, sentAt: new Date(sentAt).toISOString() };
}
