import { isUuid, LIMITS, type MessageId } from '@fieldpost/protocol';
import { z } from '@hono/zod-openapi';
import { parentOf } from '../../core/queue-address.ts';
import type { Clock } from '../../ports/clock.ts';
import type { GatewayStore, MessageMatch } from '../../ports/gateway-store.ts';
import { searchQueue } from '../../shell/search-queue.ts';
import { type Api, requirePermission } from '../api.ts';
import { messageJson } from '../message-json.ts';
import { RequestError } from '../problem.ts';
import { addressParams, peekedMessage } from '../schemas.ts';

export interface LookRoutePorts {
  readonly store: GatewayStore;
  readonly clock: Clock;
}

const PEEK_MAX = 256;
/** As for a receive: behind this the page ends, and its cursor goes on. */
const PEEK_BYTES = 32 * 1024 * 1024;
/** Turns of one request that searches: behind them its page ends, with a cursor. */
const SCANS_MAX = 50;

/** Looking at messages without leasing them. */
export function addLookRoutes(api: Api, ports: LookRoutePorts): void {
  addPeekRoute(api, ports);
  addMessageRoute(api, ports);
}

const bodies = z.enum(['auto', 'base64', 'none']).optional();

const peekQuery = z.object({
  cursor: z.string().max(512).optional(),
  limit: z.coerce.number().int().min(1).max(PEEK_MAX).optional().openapi({ default: 50 }),
  correlationId: z.string().min(1).max(LIMITS.tokenCharacters).optional(),
  bodies: bodies.openapi({ default: 'none' }),
});

const peekAnswer = z.object({ messages: z.array(peekedMessage), cursor: z.string().optional() });

const messageParams = addressParams.extend({
  id: z.string().refine((text) => isUuid(text.toLowerCase()), 'not a UUID'),
});
const messageQuery = z.object({ bodies: bodies.openapi({ default: 'auto' }) });

function addPeekRoute(api: Api, { store, clock }: LookRoutePorts): void {
  api.route(
    {
      method: 'get',
      path: '/v1/queues/{queue}/messages',
      tag: 'Messages',
      summary: 'Look at messages without leasing them',
      description:
        'In queue order. Follow `cursor` until it is absent; messages that others remove meanwhile do no harm. With ' +
        '`correlationId` only messages that carry it are answered; then a page may be empty and have a cursor all the same.',
      params: addressParams,
      query: peekQuery,
      answers: {
        200: {
          description: 'One page.',
          schema: peekAnswer,
        },
      },
      problems: ['access-denied', 'queue-not-found'],
    },
    async ({ principal, params: { queue }, query }) => {
      requirePermission(principal, 'receive', parentOf(queue));
      const form = query.bodies ?? 'none';
      const request = {
        queue,
        limit: query.limit ?? 50,
        bytesMax: PEEK_BYTES,
        bodies: true,
        now: clock.now(),
        ...(query.cursor === undefined ? {} : { cursor: query.cursor }),
      };
      const { correlationId } = query;
      const page =
        correlationId === undefined
          ? await store.peek(request)
          : await searchQueue(store, { ...request, match: { correlationId } }, SCANS_MAX);
      const texts = page.messages.map((message) => messageJson(message, form, { state: message.state }));
      const cursor = page.cursor === undefined ? '' : `,"cursor":${JSON.stringify(page.cursor)}`;
      return jsonResponse(`{"messages":[${texts.join(',')}]${cursor}}`);
    },
  );
}

function addMessageRoute(api: Api, { store, clock }: LookRoutePorts): void {
  api.route(
    {
      method: 'get',
      path: '/v1/queues/{queue}/messages/{id}',
      tag: 'Messages',
      summary: 'Look at one message of a queue',
      description: 'Leases nothing. The gateway looks through the queue for it, without holding others up.',
      params: messageParams,
      query: messageQuery,
      answers: { 200: { description: 'The message.', schema: peekedMessage } },
      problems: ['access-denied', 'queue-not-found', 'not-found'],
    },
    async ({ principal, params: { queue, id }, query }) => {
      requirePermission(principal, 'receive', parentOf(queue));
      const match: MessageMatch = { id: id.toLowerCase() as MessageId };
      const request = { queue, limit: 1, bodies: true, now: clock.now(), match };
      const { messages } = await searchQueue(store, request, Number.POSITIVE_INFINITY);
      const [message] = messages;
      if (message === undefined) throw new RequestError('not-found', `no message ${id} is in ${queue}`);
      return jsonResponse(messageJson(message, query.bodies ?? 'auto', { state: message.state }));
    },
  );
}

function jsonResponse(text: string): Response {
  return new Response(text, { headers: { 'content-type': 'application/json' } });
}
