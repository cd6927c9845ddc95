import { isQueueName, LIMITS } from '@fieldpost/protocol';
import { z } from '@hono/zod-openapi';

// What several routes have in common. Times are RFC 3339 texts; durations are milliseconds.

const queueName = z
  .string()
  .refine(isQueueName, 'not a queue name: [a-z0-9][a-z0-9._-]{0,127}')
  .openapi({
    param: { name: 'queue', in: 'path' },
    example: 'orders',
    pattern: '^[a-z0-9][a-z0-9._-]{0,127}$',
  });

export const queueParams = z.object({ queue: queueName });

export const queueSettings = z.object({
  maxBodyBytes: z
    .int()
    .min(1)
    .max(LIMITS.bodyBytesMax)
    .optional()
    .openapi({ description: `The largest body that the queue takes. Default ${LIMITS.bodyBytesDefault}.` }),
});

export const queueAnswer = z
  .object({
    name: z.string(),
    maxBodyBytes: z.int(),
    createdAt: z.iso.datetime(),
    ready: z.int().openapi({ description: 'Messages that a receive would get now.' }),
    leased: z.int().openapi({ description: 'Messages with a consumer.' }),
    delayed: z.int().openapi({ description: 'Messages that wait for a retry delay to pass.' }),
    bytes: z.int(),
    oldestArrivedAt: z.iso.datetime().optional(),
  })
  .openapi('Queue');

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
  })
  .openapi('NewMessage');

export type ProducedMessageJson = z.infer<typeof producedMessage>;

const storedMembers = {
  id: z.uuid(),
  priority: z.int(),
  deliveryCount: z.int().openapi({ description: 'How often it was handed out, this time included.' }),
  contentType: z.string(),
  headers: z.record(z.string(), z.string()),
  label: z.string().optional(),
  correlationId: z.string().optional(),
  replyTo: z.string().optional(),
  traceparent: z.string().optional(),
  replaces: z.string().optional(),
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
    state: z.enum(['ready', 'leased', 'delayed']),
    ...storedMembers,
    bodyBytes: z.int().optional().openapi({ description: 'Instead of the body with `bodies=none`.' }),
  })
  .openapi('PeekedMessage');
