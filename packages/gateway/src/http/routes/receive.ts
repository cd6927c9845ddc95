import { z } from '@hono/zod-openapi';
import type { GatewayStore, Settlement } from '../../ports/gateway-store.ts';
import { type LongPollPorts, receiveOrWait } from '../../shell/long-poll.ts';
import { type Api, requirePermission } from '../api.ts';
import { messageJson } from '../message-json.ts';
import { peekedMessage, queueParams, receivedMessage } from '../schemas.ts';
import { queueNotFound } from './queues.ts';

export interface ReceiveRouteSettings {
  /** Aborted when the gateway stops: long polls answer at once. */
  readonly stopping: AbortSignal;
}

/** Messages of one receive, settles of one request: bounds the memory and time of one transaction. */
const RECEIVE_MAX = 1024;
const SETTLE_MAX = 4096;
const SETTLE_BYTES_MAX = 1024 * 1024;
const PEEK_MAX = 256;
/** As for a receive: behind this the page ends, and its cursor goes on. */
const PEEK_BYTES = 32 * 1024 * 1024;
const LEASE_MS_DEFAULT = 30_000;
const LEASE_MS_MAX = 12 * 60 * 60 * 1000;
const NACK_DELAY_MS_MAX = 7 * 24 * 60 * 60 * 1000;
/** Proxies cut answers that take longer than a minute. */
const WAIT_MS_MAX = 50_000;

const TAG = 'Consuming';

/** Receiving, settling and peeking. */
export function addReceiveRoutes(api: Api, ports: LongPollPorts, settings: ReceiveRouteSettings): void {
  addReceiveRoute(api, ports, settings);
  addSettleRoute(api, ports);
  addPeekRoute(api, ports);
}

const bodies = z.enum(['auto', 'base64']).optional().openapi({
  description: '`auto`: JSON bodies as JSON, others as base64. `base64`: all of them, byte for byte.',
});

const leaseMs = z.int().min(1).max(LEASE_MS_MAX);

const receiveBody = z.object({
  max: z.int().min(1).max(RECEIVE_MAX).optional().openapi({ default: 1 }),
  leaseMs: leaseMs.optional().openapi({ default: LEASE_MS_DEFAULT }),
  waitMs: z
    .int()
    .min(0)
    .max(WAIT_MS_MAX)
    .optional()
    .openapi({ default: 0, description: 'How long to wait for a first message.' }),
  bodies,
});

function addReceiveRoute(api: Api, ports: LongPollPorts, settings: ReceiveRouteSettings): void {
  api.route(
    {
      method: 'post',
      path: '/v1/queues/{queue}/receive',
      tag: TAG,
      summary: 'Lease messages',
      description:
        'Highest priority first, then in order of arrival. A message that is not settled before its lease ends is handed ' +
        'out again.',
      params: queueParams,
      body: receiveBody,
      answers: {
        200: {
          description: 'None, when none came in time.',
          schema: z.object({ messages: z.array(receivedMessage) }),
        },
      },
      problems: ['access-denied', 'queue-not-found'],
    },
    async ({ c, principal, params: { queue }, body }) => {
      requirePermission(principal, 'receive', queue);
      const messages = await receiveOrWait(ports, {
        queue,
        max: body.max ?? 1,
        leaseMs: body.leaseMs ?? LEASE_MS_DEFAULT,
        waitMs: body.waitMs ?? 0,
        signal: AbortSignal.any([c.req.raw.signal, settings.stopping]),
      });
      const texts = messages.map((message) => {
        const lease = { receipt: message.receipt, leasedUntil: new Date(message.leasedUntil).toISOString() };
        return messageJson(message, body.bodies ?? 'auto', lease);
      });
      return jsonResponse(`{"messages":[${texts.join(',')}]}`);
    },
  );
}

const receipt = z.string().min(1).max(256);

const settleBody = z
  .object({
    ack: z.array(receipt).optional().openapi({ description: 'Done: the messages leave the queue.' }),
    nack: z
      .array(z.object({ receipt, delayMs: z.int().min(0).max(NACK_DELAY_MS_MAX).optional() }))
      .optional()
      .openapi({ description: 'Not done: to be handed out again, after `delayMs`.' }),
    extend: z
      .array(z.object({ receipt, leaseMs }))
      .optional()
      .openapi({ description: 'Still at work: the lease now ends `leaseMs` from now.' }),
    release: z
      .array(receipt)
      .optional()
      .openapi({ description: 'Not begun: given back at once, and the delivery is not counted.' }),
  })
  .refine((body) => settlementsOf(body).length >= 1, 'names no receipt')
  .refine((body) => settlementsOf(body).length <= SETTLE_MAX, `names more than ${SETTLE_MAX} receipts`);

interface SettleBody {
  readonly ack?: readonly string[] | undefined;
  readonly nack?: readonly { readonly receipt: string; readonly delayMs?: number | undefined }[] | undefined;
  readonly extend?: readonly { readonly receipt: string; readonly leaseMs: number }[] | undefined;
  readonly release?: readonly string[] | undefined;
}

const settleResult = z.object({
  receipt: z.string(),
  code: z.enum(['lease-lost']).optional().openapi({ description: 'Absent when it was done.' }),
  leasedUntil: z.iso.datetime().optional().openapi({ description: 'After an extend.' }),
});

function addSettleRoute(api: Api, { store, clock, arrivals, failpoints }: LongPollPorts): void {
  api.route(
    {
      method: 'post',
      path: '/v1/queues/{queue}/settle',
      tag: TAG,
      summary: 'Say what became of leased messages',
      description:
        'All of it in one transaction, and a result for each receipt: ack, nack, extend, release, each in the order given. A ' +
        'receipt whose lease is over gets `lease-lost` and changes nothing.',
      params: queueParams,
      body: settleBody,
      bodyBytesMax: SETTLE_BYTES_MAX,
      answers: {
        200: {
          description: 'In the order of the receipts.',
          schema: z.object({ results: z.array(settleResult) }),
        },
      },
      problems: ['access-denied', 'queue-not-found'],
    },
    async ({ c, principal, params: { queue }, body }) => {
      requirePermission(principal, 'receive', queue);
      const now = clock.now();
      failpoints.reach('settle-begun');
      // Both in one turn of the store: a receipt of no queue is lost in any case, but a misspelt name should be told.
      const [isThere, results] = await Promise.all([
        hasQueue(store, queue),
        store.settle({ queue, settlements: settlementsOf(body), now }),
      ]);
      if (!isThere) throw queueNotFound(queue);
      failpoints.reach('settle-committed');
      // Given back, or visible again at another time than a waiting consumer has reckoned with.
      if (body.nack !== undefined || body.release !== undefined || body.extend !== undefined)
        arrivals.notify(queue);
      const answered = results.map(({ leasedUntil, ...result }) => ({
        ...result,
        ...(leasedUntil === undefined ? {} : { leasedUntil: new Date(leasedUntil).toISOString() }),
      }));
      return c.json({ results: answered });
    },
  );
}

function hasQueue(store: GatewayStore, queue: string): Promise<boolean> {
  return store.transact({ queues: [queue] }, (snapshot) => ({
    changes: [],
    result: snapshot.queues.has(queue),
  }));
}

function settlementsOf(body: SettleBody): Settlement[] {
  return [
    ...(body.ack ?? []).map((text): Settlement => ({ type: 'ack', receipt: text })),
    ...(body.nack ?? []).map((item): Settlement => ({
      type: 'nack',
      receipt: item.receipt,
      delayMs: item.delayMs ?? 0,
    })),
    ...(body.extend ?? []).map((item): Settlement => ({
      type: 'extend',
      receipt: item.receipt,
      leaseMs: item.leaseMs,
    })),
    ...(body.release ?? []).map((text): Settlement => ({ type: 'release', receipt: text })),
  ];
}

function addPeekRoute(api: Api, { store, clock }: LongPollPorts): void {
  api.route(
    {
      method: 'get',
      path: '/v1/queues/{queue}/messages',
      tag: 'Messages',
      summary: 'Look at messages without leasing them',
      description:
        'In queue order. Follow `cursor` until it is absent; messages that others remove meanwhile do no harm.',
      params: queueParams,
      query: z.object({
        cursor: z.string().max(512).optional(),
        limit: z.coerce.number().int().min(1).max(PEEK_MAX).optional().openapi({ default: 50 }),
        bodies: z.enum(['auto', 'base64', 'none']).optional().openapi({ default: 'none' }),
      }),
      answers: {
        200: {
          description: 'One page.',
          schema: z.object({ messages: z.array(peekedMessage), cursor: z.string().optional() }),
        },
      },
      problems: ['access-denied', 'queue-not-found'],
    },
    async ({ principal, params: { queue }, query }) => {
      requirePermission(principal, 'receive', queue);
      const now = clock.now();
      const form = query.bodies ?? 'none';
      const page = await store.peek({
        queue,
        limit: query.limit ?? 50,
        bytesMax: PEEK_BYTES,
        bodies: true,
        now,
        ...(query.cursor === undefined ? {} : { cursor: query.cursor }),
      });
      const texts = page.messages.map((message) => messageJson(message, form, { state: message.state }));
      const cursor = page.cursor === undefined ? '' : `,"cursor":${JSON.stringify(page.cursor)}`;
      return jsonResponse(`{"messages":[${texts.join(',')}]${cursor}}`);
    },
  );
}

function jsonResponse(text: string): Response {
  return new Response(text, { headers: { 'content-type': 'application/json' } });
}
