import { z } from '@hono/zod-openapi';
import type { Api } from '../api.ts';
import { RequestError } from '../problem.ts';

const TAG = 'Operations';
const schema = z.object({ status: z.literal('ok') });

/** The metrics page. */
export interface MetricsPage {
  readonly contentType: string;
  read(): Promise<string>;
}

/** What a supervisor of many gateways reads again and again. */
export function addMetricsRoute(api: Api, page: MetricsPage): void {
  api.publicRoute(
    {
      method: 'get',
      path: '/metrics',
      tag: TAG,
      summary: 'How much is in the queues, and what has happened',
      description:
        'In the text format of Prometheus. Names queues, so a proxy should not pass it on to everybody.',
      answers: { 200: { description: 'At most a second old.', mediaType: 'text/plain' } },
      problems: [],
    },
    async () => new Response(await page.read(), { headers: { 'content-type': page.contentType } }),
  );
}

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
