import { isQueueName, isUuid, type MessageId } from '@fieldpost/protocol';
import { z } from '@hono/zod-openapi';
import { historyOf } from '../../core/message-history.ts';
import { allows } from '../../core/permissions.ts';
import { parentOf } from '../../core/queue-address.ts';
import type { Clock } from '../../ports/clock.ts';
import type { GatewayStore, PeekedMessage } from '../../ports/gateway-store.ts';
import { searchQueue } from '../../shell/search-queue.ts';
import type { Api } from '../api.ts';
import { RequestError } from '../problem.ts';

export interface HistoryRoutePorts {
  readonly store: GatewayStore;
  readonly clock: Clock;
}

const event = z.object({
  event: z.enum(['saved', 'reached', 'left']),
  at: z.iso.datetime(),
  queue: z.string().optional(),
  code: z.string().optional().openapi({ description: 'Why it left that queue.' }),
  reason: z.string().optional(),
  deliveryCount: z.int().optional(),
});

const place = z
  .object({
    queue: z.string(),
    state: z.enum(['ready', 'leased', 'delayed', 'blocked']),
    fate: z
      .object({ code: z.string(), at: z.iso.datetime() })
      .optional()
      .openapi({ description: 'How it ended; absent while it waits to be consumed.' }),
    deliveryCount: z.int(),
    lifetimeDeliveryCount: z.int(),
    leasedTo: z
      .string()
      .optional()
      .openapi({ description: 'The subject of the consumer that has it, or had it last.' }),
    leasedUntil: z.iso.datetime().optional(),
    device: z.uuid().optional(),
    number: z.int().optional().openapi({ description: 'Its number in the stream of its device.' }),
    events: z.array(event),
  })
  .openapi('MessagePlace');

const historyParams = z.object({ id: z.string().refine((text) => isUuid(text.toLowerCase()), 'not a UUID') });
const historyQuery = z.object({ queue: z.string().refine(isQueueName, 'not a queue name').optional() });
const historyAnswer = z.object({ id: z.uuid(), places: z.array(place) });

/** What became of a message. */
export function addHistoryRoute(api: Api, { store, clock }: HistoryRoutePorts): void {
  api.route(
    {
      method: 'get',
      path: '/v1/messages/{id}',
      tag: 'Messages',
      summary: 'Tell what became of a message',
      description:
        'Every place where it, or a copy of it, is kept: a queue, a subqueue, the dead letters, a journal. What was consumed and is in no ' +
        'journal is not known any more. `queue` looks in one queue and its subqueues only, and is faster.',
      params: historyParams,
      query: historyQuery,
      answers: {
        200: {
          description: 'In the order of the names of the queues.',
          schema: historyAnswer,
        },
      },
      problems: ['not-found'],
    },
    async ({ c, principal, params, query }) => {
      const id = params.id.toLowerCase() as MessageId;
      const now = clock.now();
      const places: z.infer<typeof place>[] = [];
      for (const { name } of await store.listQueues(now)) {
        const queue = parentOf(name);
        const isWanted = query.queue === undefined || query.queue === queue;
        const maySee =
          allows(principal.grants, 'receive', queue) || allows(principal.grants, 'manage', queue);
        if (!isWanted || !maySee) continue;
        const request = { queue: name, limit: 1, bodies: false, now, match: { id } };
        const { messages } = await searchQueue(store, request, Number.POSITIVE_INFINITY).catch(ifGone);
        places.push(...messages.map((message) => placeJson(name, message)));
      }
      if (places.length === 0) throw new RequestError('not-found', `nothing is known of a message ${id}`);
      return c.json({ id, places });
    },
  );
}

/** A queue that was deleted since it was listed. */
function ifGone(error: unknown): { readonly messages: readonly PeekedMessage[] } {
  if (error instanceof Error && 'code' in error && error.code === 'queue-not-found') return { messages: [] };
  throw error;
}

function placeJson(queue: string, message: PeekedMessage): z.infer<typeof place> {
  const { state, deliveryCount, story, lastLease, origin } = message;
  const { fate, events } = historyOf(queue, message);
  return {
    queue,
    state,
    ...(fate === undefined ? {} : { fate: { ...fate, at: timeText(fate.at) } }),
    deliveryCount,
    lifetimeDeliveryCount: deliveryCount + (story?.deliveries ?? 0),
    ...(lastLease === undefined
      ? {}
      : { leasedTo: lastLease.consumer, leasedUntil: timeText(lastLease.until) }),
    ...(origin === undefined ? {} : { device: origin.device, number: origin.number }),
    events: events.map((one) => ({ ...one, at: timeText(one.at) })),
  };
}

function timeText(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
