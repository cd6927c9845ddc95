import { ACK_LEVELS, isPlainText, isQueueName, LIMITS } from '@fieldpost/protocol';
import { z } from '@hono/zod-openapi';
import { RETRY_DELAY_MS_MAX } from '../core/hold-limits.ts';
import { isQueueAddress } from '../core/queue-address.ts';
import { DEFAULT_SETTINGS } from '../core/queue-settings.ts';

// What several routes have in common. Times are RFC 3339 texts; durations are milliseconds.

const MAX_DELIVERIES_MAX = 1_000_000;
const RETRY_DELAYS_MAX = 32;

const queueName = z
  .string()
  .refine(isQueueName, 'not a queue name: [a-z0-9][a-z0-9._-]{0,127}')
  .openapi({
    param: { name: 'queue', in: 'path' },
    example: 'orders',
    pattern: '^[a-z0-9][a-z0-9._-]{0,127}$',
  });

export const queueParams = z.object({ queue: queueName });

/** A queue or a subqueue of it: what holds messages. */
export const addressParams = z.object({
  queue: z
    .string()
    .refine(
      isQueueAddress,
      'not a queue or subqueue: [a-z0-9][a-z0-9._-]{0,127}, or that with ;subqueue behind it',
    )
    .openapi({
      param: { name: 'queue', in: 'path' },
      example: 'orders',
      description: 'A queue, or a subqueue of it: `orders;dead-letter`.',
    }),
});

/** Of one lease. */
export const receipt = z.string().min(1).max(256);

export const nackDelayMs = z.int().min(0).max(RETRY_DELAY_MS_MAX);

const REASON_CHARACTERS_MAX = 512;
/** For people: what stands in a log, not a document. */
export const rejectReason = z
  .string()
  .max(REASON_CHARACTERS_MAX)
  .refine(isPlainText, 'has control characters');

const RULES_MAX = 32;
const RULE_NAME_CHARACTERS = 64;
const CONDITION_CHARACTERS = 2048;

const queueRule = z
  .object({
    name: z.string().min(1).max(RULE_NAME_CHARACTERS),
    when: z.string().min(1).max(CONDITION_CHARACTERS).optional().openapi({
      description:
        'A condition in the Common Expression Language; every message meets one that is not there.',
      example: 'priority >= 6 || (has(body.total) && body.total > 1000)',
    }),
    action: z.enum(['forward', 'copy']).openapi({
      description: '`forward`: the message goes to the other queue instead; `copy`: to it as well.',
    }),
    to: z.string().refine(isQueueName, 'not a queue name: [a-z0-9][a-z0-9._-]{0,127}'),
  })
  .openapi('QueueRule');

const quota = z.int().min(1).max(Number.MAX_SAFE_INTEGER).nullable().optional();

export const queueSettings = z.object({
  maxBodyBytes: z
    .int()
    .min(1)
    .max(LIMITS.bodyBytesMax)
    .optional()
    .openapi({
      description: `The largest body that the queue takes. Default ${DEFAULT_SETTINGS.maxBodyBytes}.`,
    }),
  maxDeliveries: z
    .int()
    .min(1)
    .max(MAX_DELIVERIES_MAX)
    .optional()
    .openapi({
      description: `Deliveries of a message before it ends. Default ${DEFAULT_SETTINGS.maxDeliveries}.`,
    }),
  retryDelaysMs: z
    .array(z.int().min(0).max(RETRY_DELAY_MS_MAX))
    .max(RETRY_DELAYS_MAX)
    .optional()
    .openapi({
      description: `How long a message waits after its n-th failed delivery; the last again and again, none at all for an empty list. Default ${JSON.stringify(DEFAULT_SETTINGS.retryDelaysMs)}.`,
    }),
  deadLetter: z.boolean().optional().openapi({
    description: 'Whether messages that end unconsumed are kept in `QUEUE;dead-letter`. Default true.',
  }),
  ordering: z.enum(['priority', 'fifo']).optional().openapi({
    description: '`priority`: by priority, then by arrival (the default). `fifo`: by arrival alone.',
  }),
  quotaMessages: quota.openapi({
    description:
      'Messages in the queue and its subqueues, its journal aside, beyond which nothing arrives. null: no such limit.',
  }),
  quotaBytes: quota.openapi({ description: 'The same for bytes of properties and bodies.' }),
  schema: z.unknown().optional().openapi({
    description:
      'A JSON Schema (2020-12, without references and regular expressions) that bodies have to match. null: none.',
  }),
  journal: z.boolean().optional().openapi({
    description: 'Whether a copy of each removed message is kept in `QUEUE;journal`. Default false.',
  }),
  journalRetentionMs: z
    .int()
    .min(1)
    .max(LIMITS.durationMs)
    .optional()
    .openapi({
      description: `How long the journal keeps a copy. Default ${DEFAULT_SETTINGS.journalRetentionMs}.`,
    }),
  rules: z.array(queueRule).max(RULES_MAX).optional().openapi({
    description:
      'What becomes of messages that are sent to this queue, looked at in this order. Default none.',
  }),
});

export type QueueSettingsJson = z.infer<typeof queueSettings>;

export const queueAnswer = z
  .object({
    name: z.string(),
    maxBodyBytes: z.int(),
    maxDeliveries: z.int(),
    retryDelaysMs: z.array(z.int()),
    deadLetter: z.boolean(),
    ordering: z.enum(['priority', 'fifo']),
    quotaMessages: z.int().optional(),
    quotaBytes: z.int().optional(),
    schema: z.unknown().optional(),
    journal: z.boolean(),
    journalRetentionMs: z.int(),
    rules: z.array(queueRule),
    paused: z.enum(['no', 'receiving', 'sending', 'both']),
    createdAt: z.iso.datetime(),
    ready: z.int().openapi({ description: 'Messages that a receive would get now.' }),
    leased: z.int().openapi({ description: 'Messages with a consumer.' }),
    delayed: z.int().openapi({ description: 'Messages that wait for a delay to pass.' }),
    blocked: z.int().openapi({ description: 'Messages behind another one of their group.' }),
    bytes: z.int(),
    oldestArrivedAt: z.iso.datetime().optional(),
  })
  .openapi('Queue');

const duration = z.int().min(0).max(LIMITS.durationMs).optional();

const token = z.string().min(1).max(LIMITS.tokenCharacters);

export const producedMessage = z
  .object({
    id: z
      .uuid()
      .optional()
      .openapi({ description: 'A UUID of yours: sending the same again then gives the first answer again.' }),
    body: z.unknown().optional().openapi({ description: 'Any JSON value; stored as its source text.' }),
    bodyBase64: z.base64().optional().openapi({ description: 'Any bytes, instead of `body`.' }),
    contentType: z.string().min(1).max(LIMITS.contentTypeCharacters).optional(),
    priority: z.int().min(0).max(LIMITS.priorityMax).optional().openapi({ default: LIMITS.priorityDefault }),
    headers: z.record(z.string().min(1), z.string()).optional(),
    label: z.string().max(LIMITS.labelCharacters).optional(),
    correlationId: token.optional(),
    replyTo: token.optional(),
    traceparent: z.string().max(LIMITS.tokenCharacters).optional(),
    timeToLiveMs: duration
      .refine((value) => value !== 0, 'no time is left')
      .openapi({ description: 'Ends with `receive-timeout` unless consumed within this time.' }),
    deliverAfterMs: duration.openapi({ description: 'Nobody sees the message before.' }),
    groupId: token
      .optional()
      .openapi({ description: 'Messages of one group are handed out one at a time, in order.' }),
  })
  .openapi('NewMessage');

export type ProducedMessageJson = z.infer<typeof producedMessage>;

const storedMembers = {
  id: z.uuid(),
  priority: z.int(),
  deliveryCount: z.int().openapi({ description: 'How often it was handed out, this time included.' }),
  lifetimeDeliveryCount: z
    .int()
    .openapi({ description: 'The same, with the queues in which the message was before.' }),
  contentType: z.string(),
  headers: z.record(z.string(), z.string()),
  label: z.string().optional(),
  correlationId: z.string().optional(),
  replyTo: z.string().optional(),
  traceparent: z.string().optional(),
  replaces: z.string().optional(),
  timeToReachQueueMs: z.int().optional(),
  timeToLiveMs: z.int().optional(),
  deliverAfterMs: z.int().optional(),
  groupId: z.string().optional(),
  ack: z.enum(ACK_LEVELS).optional(),
  history: z
    .array(
      z.object({
        queue: z.string(),
        code: z.string().openapi({ description: 'Why it left that queue.' }),
        reason: z.string().optional(),
        at: z.iso.datetime(),
        deliveryCount: z.int(),
      }),
    )
    .optional()
    .openapi({ description: 'The queues in which the message was before, oldest first.' }),
  device: z
    .uuid()
    .optional()
    .openapi({ description: 'The device that sent it; absent for producers over HTTP.' }),
  sentAt: z.iso.datetime(),
  arrivedAt: z.iso.datetime(),
  body: z.unknown().optional().openapi({ description: 'A JSON body, by its own text.' }),
  bodyBase64: z.string().optional().openapi({ description: 'Any other body, or every body on request.' }),
};

export const receivedMessage = z
  .object({
    receipt: z.string().openapi({ description: 'Settles this one lease. Opaque.' }),
    leasedUntil: z.iso.datetime(),
    ...storedMembers,
  })
  .openapi('ReceivedMessage');

export const peekedMessage = z
  .object({
    state: z.enum(['ready', 'leased', 'delayed', 'blocked']),
    ...storedMembers,
    bodyBytes: z.int().optional().openapi({ description: 'Instead of the body with `bodies=none`.' }),
  })
  .openapi('PeekedMessage');
