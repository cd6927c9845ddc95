import { z } from '@hono/zod-openapi';
import { LEASE_MS_MAX } from '../../core/hold-limits.ts';
import { deadLetterQueueOf, parentOf } from '../../core/queue-address.ts';
import type { GatewayStore, Settlement } from '../../ports/gateway-store.ts';
import { type LongPollPorts, receiveOrWait } from '../../shell/long-poll.ts';
import { type Api, requirePermission } from '../api.ts';
import { isoTime } from '../iso-time.ts';
import { messageJson } from '../message-json.ts';
import { queueNotFound } from '../problem.ts';
import { addressParams, nackDelayMs, receipt, receivedMessage, rejectReason } from '../schemas.ts';

export interface ReceiveRouteSettings {
  /** Aborted when the gateway stops: long polls answer at once. */
  readonly stopping: AbortSignal;
}

/** Messages of one receive, settles of one request: bounds the memory and time of one transaction. */
const RECEIVE_MAX = 1024;
const SETTLE_MAX = 4096;
const SETTLE_BYTES_MAX = 1024 * 1024;
const LEASE_MS_DEFAULT = 30_000;
/** Proxies cut answers that take longer than a minute. */
const WAIT_MS_MAX = 50_000;

const TAG = 'Consuming';

/** Receiving and settling. */
export function addReceiveRoutes(api: Api, ports: LongPollPorts, settings: ReceiveRouteSettings): void {
  addReceiveRoute(api, ports, settings);
  addSettleRoute(api, ports);
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

const receiveAnswer = z.object({ messages: z.array(receivedMessage) });

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
      params: addressParams,
      body: receiveBody,
      answers: {
        200: {
          description: 'None, when none came in time.',
          schema: receiveAnswer,
        },
      },
      problems: ['access-denied', 'queue-not-found'],
    },
    async ({ c, principal, params: { queue }, body }) => {
      requirePermission(principal, 'receive', parentOf(queue));
      const messages = await receiveOrWait(ports, {
        queue,
        max: body.max ?? 1,
        leaseMs: body.leaseMs ?? LEASE_MS_DEFAULT,
        waitMs: body.waitMs ?? 0,
        consumer: principal.subject,
        signal: AbortSignal.any([c.req.raw.signal, settings.stopping]),
      });
      const texts = messages.map((message) => {
        const lease = { receipt: message.receipt, leasedUntil: isoTime(message.leasedUntil) };
        return messageJson(message, body.bodies ?? 'auto', lease);
      });
      return jsonResponse(`{"messages":[${texts.join(',')}]}`);
    },
  );
}

const settleBody = z
  .object({
    ack: z.array(receipt).optional().openapi({ description: 'Done: the messages leave the queue.' }),
    nack: z
      .array(z.object({ receipt, delayMs: nackDelayMs.optional() }))
      .optional()
      .openapi({
        description:
          "Not done: to be handed out again, after `delayMs` or the queue's own delay. The last delivery ends the message.",
      }),
    reject: z
      .array(z.object({ receipt, reason: rejectReason.optional() }))
      .optional()
      .openapi({ description: 'Never to be done: the message is a dead letter, with this reason.' }),
    extend: z
      .array(z.object({ receipt, leaseMs }))
      .optional()
      .openapi({ description: 'Still at work: the lease now ends `leaseMs` from now.' }),
    release: z
      .array(receipt)
      .optional()
      .openapi({ description: 'Not begun: given back at once, and the delivery is not counted.' }),
  })
  .refine((body) => receiptsOf(body) >= 1, 'names no receipt')
  .refine((body) => receiptsOf(body) <= SETTLE_MAX, `names more than ${SETTLE_MAX} receipts`);

interface SettleBody {
  readonly ack?: readonly string[] | undefined;
  readonly nack?: readonly { readonly receipt: string; readonly delayMs?: number | undefined }[] | undefined;
  readonly reject?: readonly { readonly receipt: string; readonly reason?: string | undefined }[] | undefined;
  readonly extend?: readonly { readonly receipt: string; readonly leaseMs: number }[] | undefined;
  readonly release?: readonly string[] | undefined;
}

const settleResult = z.object({
  receipt: z.string(),
  code: z.enum(['lease-lost']).optional().openapi({ description: 'Absent when it was done.' }),
  leasedUntil: z.iso.datetime().optional().openapi({ description: 'After an extend.' }),
  ended: z.string().optional().openapi({
    description:
      'After a nack or a reject that ended the message: `max-deliveries` or `rejected-by-receiver`.',
  }),
});

const settleAnswer = z.object({ results: z.array(settleResult) });

function addSettleRoute(api: Api, { store, clock, arrivals, failpoints }: LongPollPorts): void {
  api.route(
    {
      method: 'post',
      path: '/v1/queues/{queue}/settle',
      tag: TAG,
      summary: 'Say what became of leased messages',
      description:
        'All of it in one transaction, and a result for each receipt: ack, nack, reject, extend, release, each in the order given. A ' +
        'receipt whose lease is over gets `lease-lost` and changes nothing.',
      params: addressParams,
      body: settleBody,
      bodyBytesMax: SETTLE_BYTES_MAX,
      answers: {
        200: {
          description: 'In the order of the receipts.',
          schema: settleAnswer,
        },
      },
      problems: ['access-denied', 'queue-not-found'],
    },
    async ({ c, principal, params: { queue }, body }) => {
      requirePermission(principal, 'receive', parentOf(queue));
      const now = clock.now();
      failpoints.reach('settle-begun');
      // Both in one turn of the store: a receipt of no queue is lost in any case, but a misspelt name should be told.
      const [isThere, results] = await Promise.all([
        hasQueue(store, parentOf(queue)),
        store.settle({ queue, settlements: settlementsOf(body), now }),
      ]);
      if (!isThere) throw queueNotFound(queue);
      failpoints.reach('settle-committed');
      // Given back, the next of a group, or visible at another time than a waiting consumer has reckoned with.
      const isNext = results.some(({ isGroupNext }) => isGroupNext === true);
      if (isNext || body.nack !== undefined || body.release !== undefined || body.extend !== undefined)
        arrivals.notify(queue);
      if (results.some(({ ended }) => ended !== undefined)) arrivals.notify(deadLetterQueueOf(queue));
      const answered = results.map(({ receipt: settled, code, ended, leasedUntil }) => ({
        receipt: settled,
        ...(code === undefined ? {} : { code }),
        ...(ended === undefined ? {} : { ended }),
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

function receiptsOf({ ack, nack, reject, extend, release }: SettleBody): number {
  return [ack, nack, reject, extend, release].reduce((sum, receipts) => sum + (receipts?.length ?? 0), 0);
}

function settlementsOf(body: SettleBody): Settlement[] {
  return [
    ...(body.ack ?? []).map((text): Settlement => ({ type: 'ack', receipt: text })),
    ...(body.nack ?? []).map((item): Settlement => ({
      type: 'nack',
      receipt: item.receipt,
      ...(item.delayMs === undefined ? {} : { delayMs: item.delayMs }),
    })),
    ...(body.reject ?? []).map((item): Settlement => ({
      type: 'reject',
      receipt: item.receipt,
      ...(item.reason === undefined ? {} : { reason: item.reason }),
    })),
    ...(body.extend ?? []).map((item): Settlement => ({
      type: 'extend',
      receipt: item.receipt,
      leaseMs: item.leaseMs,
    })),
    ...(body.release ?? []).map((text): Settlement => ({ type: 'release', receipt: text })),
  ];
}

function jsonResponse(text: string): Response {
  return new Response(text, { headers: { 'content-type': 'application/json' } });
}
