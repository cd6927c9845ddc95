import { type DeviceId, isUuid } from '@fieldpost/protocol';
import { z } from '@hono/zod-openapi';
import type { DeviceRow, GatewayStore } from '../../ports/gateway-store.ts';
import type { Logger } from '../../ports/logger.ts';
import type { LiveSessions } from '../../shell/live-sessions.ts';
import { type Api, requireOperator } from '../api.ts';
import { isoTime } from '../iso-time.ts';
import { RequestError } from '../problem.ts';

export interface DeviceRoutePorts {
  readonly store: GatewayStore;
  readonly liveSessions: LiveSessions;
  readonly logger: Logger;
}

const TAG = 'Devices';
const PAGE_MAX = 256;
const PAGE_DEFAULT = 50;

/** Looking at devices, and revoking them. All of it takes a token that may manage every queue. */
export function addDeviceRoutes(api: Api, ports: DeviceRoutePorts): void {
  addListRoute(api, ports);
  addLookRoute(api, ports);
  addRevokeRoute(api, ports);
  addReinstateRoute(api, ports);
}

const uuid = z
  .string()
  .refine((text) => isUuid(text.toLowerCase()), 'not a UUID')
  .transform((text) => text.toLowerCase() as DeviceId);

const deviceParams = z.object({
  id: uuid.openapi({ param: { name: 'id', in: 'path' }, type: 'string', format: 'uuid' }),
});

const deviceAnswer = z
  .object({
    id: z.uuid(),
    subject: z
      .string()
      .openapi({ description: 'Whose token its first hello came with; it belongs to them.' }),
    client: z.string().openapi({ description: 'What the program calls itself.' }),
    revoked: z.boolean(),
    connected: z.boolean().openapi({ description: 'Has a live connection to the gateway that answers.' }),
    session: z.int().openapi({ description: 'Counts up with every hello.' }),
    firstSeenAt: z.iso.datetime(),
    lastSeenAt: z.iso.datetime().openapi({ description: 'Of its last hello.' }),
    waitingMessages: z.int().openapi({ description: 'On the device, as it said in its last hello.' }),
    forks: z.int().openapi({
      description:
        'How often a copy of its data, or data restored from a copy, was seen in use: more than 0 is a possible clone.',
    }),
    forkedAt: z.iso.datetime().optional().openapi({ description: 'The last time.' }),
  })
  .openapi('Device');

function addListRoute(api: Api, { store, liveSessions }: DeviceRoutePorts): void {
  api.route(
    {
      method: 'get',
      path: '/v1/devices',
      tag: TAG,
      summary: 'List devices',
      description: 'By id. Follow `cursor` until it is absent.',
      query: z.object({
        cursor: uuid.optional().openapi({ type: 'string' }),
        limit: z.coerce.number().int().min(1).max(PAGE_MAX).optional().openapi({ default: PAGE_DEFAULT }),
      }),
      answers: {
        200: {
          description: 'One page.',
          schema: z.object({ devices: z.array(deviceAnswer), cursor: z.string().optional() }),
        },
      },
      problems: ['access-denied'],
    },
    async ({ c, principal, query: { cursor, limit = PAGE_DEFAULT } }) => {
      requireOperator(principal);
      const after = cursor === undefined ? {} : { after: cursor };
      const rows = await store.listDevices({ ...after, limit: limit + 1 });
      const page = rows.slice(0, limit);
      const last = rows.length > limit ? page.at(-1) : undefined;
      return c.json({
        devices: page.map((row) => deviceJson(row, liveSessions)),
        ...(last === undefined ? {} : { cursor: last.device }),
      });
    },
  );
}

function addLookRoute(api: Api, { store, liveSessions }: DeviceRoutePorts): void {
  api.route(
    {
      method: 'get',
      path: '/v1/devices/{id}',
      tag: TAG,
      summary: 'Look at a device',
      params: deviceParams,
      answers: { 200: { description: 'The device.', schema: deviceAnswer } },
      problems: ['access-denied', 'not-found'],
    },
    async ({ c, principal, params: { id } }) => {
      requireOperator(principal);
      const row = await store.transact({ device: id }, ({ device }) => ({ changes: [], result: device }));
      if (row === undefined) throw unknownDevice(id);
      return c.json(deviceJson(row, liveSessions));
    },
  );
}

function addRevokeRoute(api: Api, { store, liveSessions, logger }: DeviceRoutePorts): void {
  api.route(
    {
      method: 'post',
      path: '/v1/devices/{id}/revoke',
      tag: TAG,
      summary: 'Revoke a device',
      description:
        'From the answer on nothing more is taken of it: a live connection ends with `fenced` and the reason `revoked`, and so do ' +
        'its next hello and push. What it had delivered stays delivered, and what waits on it stays there. Repeating the call ' +
        'changes nothing.',
      params: deviceParams,
      answers: { 200: { description: 'The device as it is now.', schema: deviceAnswer } },
      problems: ['access-denied', 'not-found'],
    },
    async ({ c, principal, params: { id } }) => {
      requireOperator(principal);
      const row = await setRevoked(store, id, true);
      liveSessions.revoke(id, row.session);
      logger.warn({ device: id, by: principal.subject }, 'a device was revoked');
      return c.json(deviceJson(row, liveSessions));
    },
  );
}

function addReinstateRoute(api: Api, { store, liveSessions, logger }: DeviceRoutePorts): void {
  api.route(
    {
      method: 'post',
      path: '/v1/devices/{id}/reinstate',
      tag: TAG,
      summary: 'Take a revocation back',
      description:
        'The device is welcome again and delivers what waits on it, each message once. Repeating the call changes nothing.',
      params: deviceParams,
      answers: { 200: { description: 'The device as it is now.', schema: deviceAnswer } },
      problems: ['access-denied', 'not-found'],
    },
    async ({ c, principal, params: { id } }) => {
      requireOperator(principal);
      const row = await setRevoked(store, id, false);
      logger.warn({ device: id, by: principal.subject }, 'a device was reinstated');
      return c.json(deviceJson(row, liveSessions));
    },
  );
}

async function setRevoked(store: GatewayStore, id: DeviceId, revoked: boolean): Promise<DeviceRow> {
  const row = await store.transact({ device: id }, ({ device }) => {
    if (device === undefined) return { changes: [], result: undefined };
    const changed = { ...device, revoked };
    const changes = device.revoked === revoked ? [] : [{ type: 'put-device', row: changed } as const];
    return { changes, result: changed };
  });
  if (row === undefined) throw unknownDevice(id);
  return row;
}

function unknownDevice(id: DeviceId): RequestError {
  return new RequestError('not-found', `no device ${id} has said hello here`);
}

function deviceJson(row: DeviceRow, liveSessions: LiveSessions): z.infer<typeof deviceAnswer> {
  const { device, subject, client, revoked, session, waitingMessages, forks, forkedAt } = row;
  return {
    id: device,
    subject,
    client,
    revoked,
    connected: liveSessions.has(device),
    session: session.number,
    firstSeenAt: isoTime(row.firstSeenAt),
    lastSeenAt: isoTime(row.lastSeenAt),
    waitingMessages,
    forks,
    ...(forkedAt === undefined ? {} : { forkedAt: isoTime(forkedAt) }),
  };
}
