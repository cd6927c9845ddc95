import { isUuid, LIMITS, type MessageId, uuidFromBytes } from '@fieldpost/protocol';
import { z } from '@hono/zod-openapi';
import { allows } from '../../core/permissions.ts';
import { isQueueAddress, isSystemQueue, parentOf, deadLetterQueueOf } from '../../core/queue-address.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Entropy } from '../../ports/entropy.ts';
import type { GatewayStore, JobFilter, JobRow, NewJob } from '../../ports/gateway-store.ts';
import type { JobRunner } from '../../shell/job-runner.ts';
import { type Api, requirePermission } from '../api.ts';
import { RequestError } from '../problem.ts';
import { addressParams } from '../schemas.ts';

export interface JobRoutePorts {
  readonly store: GatewayStore;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly jobs: JobRunner;
}

const TAG = 'Jobs';
const IDS_MAX = 1_000;
const RATE_MAX = 1_000_000;

/** Purging, moving and redriving many messages, and looking at how far it is. */
export function addJobRoutes(api: Api, ports: JobRoutePorts): void {
  addPurgeRoute(api, ports);
  addMoveRoute(api, ports);
  addRedriveRoute(api, ports);
  addLookRoutes(api, ports);
  addCancelRoute(api, ports);
}

const text = z.string().min(1).max(LIMITS.tokenCharacters);

const filter = z
  .strictObject({
    ids: z.array(z.uuid()).min(1).max(IDS_MAX).optional(),
    code: z
      .string()
      .regex(/^[a-z][a-z-]{0,63}$/, 'not a code')
      .optional()
      .openapi({ description: 'Why the message left the queue before: of dead letters their code.' }),
    label: z.string().max(LIMITS.labelCharacters).optional(),
    correlationId: text.optional(),
    groupId: text.optional(),
    priority: z.int().min(0).max(LIMITS.priorityMax).optional(),
    arrivedBefore: z.iso.datetime().optional(),
    max: z.int().min(1).optional().openapi({ description: 'The job ends when it has done so many.' }),
  })
  .openapi('JobFilter', { description: 'Which messages; every member that is there has to fit.' });

const settings = {
  filter: filter.optional(),
  ratePerSecond: z
    .int()
    .min(1)
    .max(RATE_MAX)
    .optional()
    .openapi({ description: 'Messages for each second; as fast as it goes when absent.' }),
};

const address = z.string().refine(isQueueAddress, 'not a queue or subqueue');

const jobAnswer = z
  .object({
    id: z.uuid(),
    kind: z.enum(['purge', 'move', 'redrive']),
    queue: z.string(),
    target: z.string().optional(),
    state: z.enum(['running', 'done', 'cancelled', 'failed']),
    code: z.string().optional(),
    looked: z.int().openapi({ description: 'Messages looked at.' }),
    done: z.int().openapi({ description: 'Messages purged, moved or redriven.' }),
    ratePerSecond: z.int().optional(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .openapi('Job');

const begun = { 202: { description: 'The job has begun.', schema: jobAnswer } };

function addPurgeRoute(api: Api, ports: JobRoutePorts): void {
  api.route(
    {
      method: 'post',
      path: '/v1/queues/{queue}/purge',
      tag: TAG,
      summary: 'Remove messages',
      description: 'Those that are there now, leased ones too. A journal gets its copies.',
      params: addressParams,
      body: z.strictObject(settings),
      isBodyOptional: true,
      answers: begun,
      problems: ['access-denied', 'queue-not-found'],
    },
    async ({ c, principal, params: { queue }, body }) => {
      requirePermission(principal, 'manage', parentOf(queue));
      return c.json(jobJson(await ports.jobs.start(newJob(ports, 'purge', queue, body))), 202);
    },
  );
}

function addMoveRoute(api: Api, ports: JobRoutePorts): void {
  api.route(
    {
      method: 'post',
      path: '/v1/queues/{queue}/move',
      tag: TAG,
      summary: 'Move messages to another queue or a subqueue',
      description:
        'Those that are there now and not leased, in their order. While the other queue is full, the job waits.',
      params: addressParams,
      body: z.strictObject({ ...settings, target: address }),
      answers: begun,
      problems: ['access-denied', 'queue-not-found'],
    },
    async ({ c, principal, params: { queue }, body }) => {
      requirePermission(principal, 'manage', parentOf(queue));
      requireTarget(principal, queue, body.target);
      return c.json(jobJson(await ports.jobs.start(newJob(ports, 'move', queue, body))), 202);
    },
  );
}

function addRedriveRoute(api: Api, ports: JobRoutePorts): void {
  api.route(
    {
      method: 'post',
      path: '/v1/queues/{queue}/redrive',
      tag: TAG,
      summary: 'Give dead letters another chance',
      description:
        "A queue's dead letters go back to the end of the queue that they came from, or to `target`, with their ids and their " +
        'history; their deliveries count from 0 again.',
      params: addressParams,
      body: z.strictObject({ ...settings, target: address.optional() }),
      isBodyOptional: true,
      answers: begun,
      problems: ['access-denied', 'queue-not-found'],
    },
    async ({ c, principal, params: { queue }, body }) => {
      requirePermission(principal, 'manage', parentOf(queue));
      const from = isSystemQueue(queue) ? queue : deadLetterQueueOf(queue);
      if (body.target !== undefined) requireTarget(principal, from, body.target);
      return c.json(jobJson(await ports.jobs.start(newJob(ports, 'redrive', from, body))), 202);
    },
  );
}

function addLookRoutes(api: Api, { store }: JobRoutePorts): void {
  api.route(
    {
      method: 'get',
      path: '/v1/jobs',
      tag: TAG,
      summary: 'List the jobs of the queues that the token may manage',
      answers: { 200: { description: 'The latest first.', schema: jobsAnswer } },
      problems: [],
    },
    async ({ c, principal }) => {
      const jobs = await store.listJobs();
      const seen = jobs.filter(({ queue }) => allows(principal.grants, 'manage', parentOf(queue)));
      return c.json({ jobs: seen.toSorted((one, other) => other.createdAt - one.createdAt).map(jobJson) });
    },
  );
  api.route(
    {
      method: 'get',
      path: '/v1/jobs/{id}',
      tag: TAG,
      summary: 'Look how far a job is',
      params: jobParams,
      answers: { 200: { description: 'The job.', schema: jobAnswer } },
      problems: ['not-found'],
    },
    async ({ c, principal, params: { id } }) => c.json(jobJson(await managedJob(store, principal, id))),
  );
}

function addCancelRoute(api: Api, { store, clock }: JobRoutePorts): void {
  api.route(
    {
      method: 'delete',
      path: '/v1/jobs/{id}',
      tag: TAG,
      summary: 'End a job where it is',
      description: 'What it has done stays done. A job that has ended stays as it is.',
      params: jobParams,
      answers: { 200: { description: 'The job.', schema: jobAnswer } },
      problems: ['not-found'],
    },
    async ({ c, principal, params: { id } }) => {
      const job = await managedJob(store, principal, id);
      return c.json(jobJson((await store.cancelJob(job.id, clock.now())) ?? job));
    },
  );
}

const jobsAnswer = z.object({ jobs: z.array(jobAnswer) });
const jobParams = z.object({ id: z.string().refine(isUuid, 'not the id of a job') });

type Principal = Parameters<typeof requirePermission>[0];

/** A job of a queue that the token may manage. Of others nothing is told. */
async function managedJob(store: GatewayStore, principal: Principal, id: string): Promise<JobRow> {
  const job = (await store.listJobs()).find((one) => one.id === id);
  if (job === undefined || !allows(principal.grants, 'manage', parentOf(job.queue)))
    throw new RequestError('not-found', `no job ${id}`);
  return job;
}

function requireTarget(principal: Principal, queue: string, target: string): void {
  requirePermission(principal, 'send', parentOf(target));
  if (isSystemQueue(target))
    throw new RequestError('invalid-request', `body.target: ${target} is filled by the gateway alone`);
  if (target === queue) throw new RequestError('invalid-request', `body.target: ${target} is where they are`);
}

interface JobBody {
  readonly target?: string | undefined;
  readonly ratePerSecond?: number | undefined;
  readonly filter?: z.infer<typeof filter> | undefined;
}

function newJob(
  { clock, entropy }: JobRoutePorts,
  kind: NewJob['kind'],
  queue: string,
  body: JobBody,
): NewJob {
  const { target, ratePerSecond } = body;
  const { arrivedBefore, ids, ...given } = body.filter ?? {};
  const named = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const jobFilter: JobFilter = {
    ...named,
    ...(ids === undefined ? {} : { ids: ids.map((id) => id.toLowerCase() as MessageId) }),
    ...(arrivedBefore === undefined ? {} : { arrivedBefore: Date.parse(arrivedBefore) }),
  };
  return {
    id: uuidFromBytes(entropy.bytes(16)),
    kind,
    queue,
    filter: jobFilter,
    ...(target === undefined ? {} : { target }),
    ...(ratePerSecond === undefined ? {} : { ratePerSecond }),
    now: clock.now(),
  };
}

function jobJson(job: JobRow): z.infer<typeof jobAnswer> {
  const { position: _, filter: __, createdAt, updatedAt, ...told } = job;
  return {
    ...told,
    createdAt: new Date(createdAt).toISOString(),
    updatedAt: new Date(updatedAt).toISOString(),
  };
}
