import { z } from '@hono/zod-openapi';
import { allows } from '../../core/permissions.ts';
import { parentOf } from '../../core/queue-address.ts';
import { hasSameSettings, newQueueRow } from '../../core/queue-settings.ts';
import type { Principal } from '../../ports/authenticator.ts';
import type { BodySchemas } from '../../ports/body-schemas.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Conditions } from '../../ports/conditions.ts';
import type { GatewayStore, QueueInfo, QueueRow, Scope, Snapshot } from '../../ports/gateway-store.ts';
import type { Arrivals } from '../../shell/arrivals.ts';
import { type Api, requirePermission } from '../api.ts';
import { queueNotFound, RequestError } from '../problem.ts';
import {
  addressParams,
  queueAnswer,
  queueParams,
  queueSettings,
  type QueueSettingsJson,
} from '../schemas.ts';

export interface QueueRoutePorts {
  readonly store: GatewayStore;
  readonly clock: Clock;
  readonly arrivals: Arrivals;
  readonly conditions: Conditions;
  readonly schemas: BodySchemas;
}

/** Making, looking at, changing and deleting queues. */
export function addQueueRoutes(api: Api, ports: QueueRoutePorts): void {
  addLookRoutes(api, ports);
  addChangeRoutes(api, ports);
  addPauseRoutes(api, ports);
  addDeleteRoute(api, ports);
}

const TAG = 'Queues';

const queuesAnswer = z.object({ queues: z.array(queueAnswer) });
const deleteQuery = z.object({ messages: z.enum(['delete']).optional() });

function addLookRoutes(api: Api, { store, clock }: QueueRoutePorts): void {
  api.route(
    {
      method: 'get',
      path: '/v1/queues',
      tag: TAG,
      summary: 'List the queues that the token may receive from or manage',
      answers: { 200: { description: 'By name.', schema: queuesAnswer } },
      problems: [],
    },
    async ({ c, principal }) => {
      const queues = await store.listQueues(clock.now());
      const seen = queues.filter(({ name }) => mayLook(principal.grants, name));
      return c.json({ queues: seen.map(queueJson) });
    },
  );
  api.route(
    {
      method: 'get',
      path: '/v1/queues/{queue}',
      tag: TAG,
      summary: 'Look at a queue and its counts',
      params: addressParams,
      answers: { 200: { description: 'The queue.', schema: queueAnswer } },
      problems: ['access-denied', 'queue-not-found'],
    },
    async ({ c, principal, params: { queue } }) => {
      if (!mayLook(principal.grants, queue)) requirePermission(principal, 'receive', parentOf(queue));
      return c.json(queueJson(await existingQueue(store, queue, clock.now())));
    },
  );
}

function addChangeRoutes(api: Api, { store, clock, conditions, schemas }: QueueRoutePorts): void {
  api.route(
    {
      method: 'put',
      path: '/v1/queues/{queue}',
      tag: TAG,
      summary: 'Make a queue, unless it is there already',
      description:
        'Repeating the same call changes nothing. A queue that exists with other settings is `queue-exists`.',
      params: queueParams,
      body: queueSettings,
      answers: {
        200: { description: 'The queue was there, with these settings.', schema: queueAnswer },
        201: { description: 'The queue was made.', schema: queueAnswer },
      },
      problems: ['access-denied', 'queue-exists'],
    },
    async ({ c, principal, params: { queue }, body }) => {
      requirePermission(principal, 'manage', queue);
      if (queue.startsWith('sys.'))
        throw new RequestError('invalid-request', 'names that start with sys. belong to the gateway');
      checkRules(body, principal, conditions);
      checkSchema(body, schemas);
      const now = clock.now();
      const wanted = changed(newQueueRow(queue, now), body);
      const outcome = await store.transact(scopeOfSettings(queue, body), (snapshot) => {
        requireTargets(snapshot, wanted);
        const known = snapshot.queues.get(queue);
        if (known === undefined) return { changes: [{ type: 'put-queue', row: wanted }], result: 'made' };
        return { changes: [], result: hasSameSettings(known, wanted) ? 'same' : 'other' };
      });
      if (outcome === 'other')
        throw new RequestError(
          'queue-exists',
          `queue ${queue} exists with other settings; PATCH changes them`,
        );
      return c.json(queueJson(await existingQueue(store, queue, now)), outcome === 'made' ? 201 : 200);
    },
  );
  api.route(
    {
      method: 'patch',
      path: '/v1/queues/{queue}',
      tag: TAG,
      summary: 'Change settings of a queue',
      description: 'What is not named stays as it is. A lower limit concerns arrivals only.',
      params: queueParams,
      body: queueSettings,
      answers: { 200: { description: 'The queue as it is now.', schema: queueAnswer } },
      problems: ['access-denied', 'queue-not-found'],
    },
    async ({ c, principal, params: { queue }, body }) => {
      requirePermission(principal, 'manage', queue);
      checkRules(body, principal, conditions);
      checkSchema(body, schemas);
      const isFound = await store.transact(scopeOfSettings(queue, body), (snapshot) => {
        const known = snapshot.queues.get(queue);
        if (known === undefined) return { changes: [], result: false };
        const row = changed(known, body);
        if (body.rules !== undefined) requireTargets(snapshot, row);
        return { changes: [{ type: 'put-queue', row }], result: true };
      });
      if (!isFound) throw queueNotFound(queue);
      return c.json(queueJson(await existingQueue(store, queue, clock.now())));
    },
  );
}

const pauseBody = z.strictObject({
  receiving: z.boolean().optional().openapi({ default: true }),
  sending: z.boolean().optional().openapi({ default: true }),
});

function addPauseRoutes(api: Api, { store, clock, arrivals }: QueueRoutePorts): void {
  const add = (verb: 'pause' | 'resume', summary: string, description: string): void =>
    api.route(
      {
        method: 'post',
        path: `/v1/queues/{queue}/${verb}`,
        tag: TAG,
        summary,
        description,
        params: queueParams,
        body: pauseBody,
        isBodyOptional: true,
        answers: { 200: { description: 'The queue as it is now.', schema: queueAnswer } },
        problems: ['access-denied', 'queue-not-found'],
      },
      async ({ c, principal, params: { queue }, body: { receiving = true, sending = true } }) => {
        requirePermission(principal, 'manage', queue);
        const isPaused = verb === 'pause';
        const isFound = await store.transact({ queues: [queue] }, (snapshot) => {
          const known = snapshot.queues.get(queue);
          if (known === undefined) return { changes: [], result: false };
          const row: QueueRow = {
            ...known,
            ...(receiving ? { receivingPaused: isPaused } : {}),
            ...(sending ? { sendingPaused: isPaused } : {}),
          };
          return { changes: [{ type: 'put-queue', row }], result: true };
        });
        if (!isFound) throw queueNotFound(queue);
        arrivals.notify(queue);
        return c.json(queueJson(await existingQueue(store, queue, clock.now())));
      },
    );
  add(
    'pause',
    'Pause a queue for receiving, for sending, or both',
    'While receiving is paused, nothing is handed out; leases can be settled. While sending is paused, devices keep their ' +
      'messages and producers get `queue-paused`.',
  );
  add('resume', 'Resume a paused queue', 'Consumers that wait are woken; devices come back by themselves.');
}

function addDeleteRoute(api: Api, { store, clock }: QueueRoutePorts): void {
  api.route(
    {
      method: 'delete',
      path: '/v1/queues/{queue}',
      tag: TAG,
      summary: 'Delete a queue',
      description: 'A queue that holds messages is deleted only with `messages=delete`; they are gone then.',
      params: queueParams,
      query: deleteQuery,
      answers: { 204: { description: 'The queue is gone.' } },
      problems: ['access-denied', 'queue-not-found', 'queue-not-empty'],
    },
    async ({ c, principal, params: { queue }, query }) => {
      requirePermission(principal, 'manage', queue);
      await store.transact({ queues: [queue] }, (snapshot) => {
        if (!snapshot.queues.has(queue)) throw queueNotFound(queue);
        const ifEmpty = query.messages !== 'delete';
        return {
          changes: [{ type: 'delete-queue', name: queue, ifEmpty, at: clock.now() }],
          result: undefined,
        };
      });
      return c.body(null, 204);
    },
  );
}

/** The queue of this name. Throws `queue-not-found`. */
async function existingQueue(store: GatewayStore, queue: string, now: number): Promise<QueueInfo> {
  const info = await store.getQueue(queue, now);
  if (info !== undefined) return info;
  // A subqueue that is not there is one without messages.
  const parent = parentOf(queue) === queue ? undefined : await store.getQueue(parentOf(queue), now);
  if (parent === undefined) throw queueNotFound(queue);
  const { oldestArrivedAt: _, ...settings } = parent;
  return { ...settings, name: queue, ready: 0, leased: 0, delayed: 0, blocked: 0, bytes: 0 };
}

/** The row with the settings that a request names; null takes a limit away. */
function changed(row: QueueRow, body: QueueSettingsJson): QueueRow {
  const { quotaMessages: _, quotaBytes: __, schema: ___, ...kept } = row;
  const { quotaMessages = row.quotaMessages, quotaBytes = row.quotaBytes, schema, ...given } = body;
  const schemaText = schema === undefined ? row.schema : JSON.stringify(schema);
  const named = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return {
    ...kept,
    ...named,
    ...(quotaMessages === undefined || quotaMessages === null ? {} : { quotaMessages }),
    ...(quotaBytes === undefined || quotaBytes === null ? {} : { quotaBytes }),
    ...(schemaText === undefined || schemaText === 'null' ? {} : { schema: schemaText }),
  };
}

/** Whoever lets messages go to another queue must be allowed to send there. */
function checkRules({ rules = [] }: QueueSettingsJson, principal: Principal, conditions: Conditions): void {
  for (const { when, to } of rules) {
    requirePermission(principal, 'send', to);
    if (when !== undefined) conditions.compile(when);
  }
}

function checkSchema({ schema }: QueueSettingsJson, schemas: BodySchemas): void {
  if (schema !== undefined && schema !== null) schemas.compile(JSON.stringify(schema));
}

function scopeOfSettings(queue: string, { rules = [] }: QueueSettingsJson): Scope {
  return { queues: [queue, ...rules.map(({ to }) => to)] };
}

function requireTargets(snapshot: Snapshot, row: QueueRow): void {
  for (const { name, to } of row.rules) {
    if (to !== row.name && snapshot.queues.has(to)) continue;
    throw to === row.name
      ? new RequestError('invalid-request', `rule ${name} leads from queue ${to} to itself`)
      : queueNotFound(to);
  }
}

function mayLook(grants: Parameters<typeof allows>[0], address: string): boolean {
  const queue = parentOf(address);
  return allows(grants, 'receive', queue) || allows(grants, 'manage', queue);
}

function queueJson(info: QueueInfo): z.infer<typeof queueAnswer> {
  const {
    createdAt,
    oldestArrivedAt,
    receivingPaused,
    sendingPaused,
    retryDelaysMs,
    rules,
    schema,
    ...rest
  } = info;
  const paused = receivingPaused ? (sendingPaused ? 'both' : 'receiving') : sendingPaused ? 'sending' : 'no';
  const oldest =
    oldestArrivedAt === undefined ? {} : { oldestArrivedAt: new Date(oldestArrivedAt).toISOString() };
  return {
    ...rest,
    retryDelaysMs: [...retryDelaysMs],
    rules: rules.map((rule) => ({ ...rule })),
    paused,
    ...(schema === undefined ? {} : { schema: JSON.parse(schema) as unknown }),
    createdAt: new Date(createdAt).toISOString(),
    ...oldest,
  };
}
