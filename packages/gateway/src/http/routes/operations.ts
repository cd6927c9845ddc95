import { z } from '@hono/zod-openapi';
import type { Api } from '../api.ts';
import { RequestError } from '../problem.ts';

const TAG = 'Operations';
const schema = z.object({ status: z.literal('ok') });

/** What supervisors and load balancers ask. */
export function addOperationsRoutes(api: Api, stopping: AbortSignal): void {
  api.publicRoute(
    {
      method: 'get',
      path: '/healthz',
      tag: TAG,
      summary: 'Does the process answer?',
      answers: { 200: { description: 'It does.', schema } },
      problems: [],
    },
    ({ c }) => c.json({ status: 'ok' }),
  );
  api.publicRoute(
    {
      method: 'get',
      path: '/readyz',
      tag: TAG,
      summary: 'Does the gateway take messages?',
      answers: { 200: { description: 'It does.', schema } },
      problems: ['shutting-down'],
    },
    ({ c }) => {
      if (stopping.aborted)
        throw new RequestError('shutting-down', 'the gateway is stopping', { retryAfterMs: 1000 });
      return c.json({ status: 'ok' });
    },
  );
}
