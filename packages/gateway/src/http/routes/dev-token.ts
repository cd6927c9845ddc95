import { z } from '@hono/zod-openapi';
import { isPattern } from '../../core/permissions.ts';
import type { Clock } from '../../ports/clock.ts';
import type { TokenMinter } from '../../ports/token-minter.ts';
import type { Api } from '../api.ts';
import { RequestError } from '../problem.ts';

const EXPIRES_IN_SECONDS_DEFAULT = 12 * 60 * 60;
const EXPIRES_IN_SECONDS_MAX = 30 * 24 * 60 * 60;
const ANY_QUEUE = ['*'];

const patterns = z
  .array(z.string().refine(isPattern, 'not a queue name, and not a prefix with one * behind it'))
  .optional();

/** Tokens for the asking: in development mode only, where nobody but this machine can ask. */
export function addDevTokenRoute(api: Api, tokenMinter: TokenMinter, clock: Clock): void {
  api.publicRoute(
    {
      method: 'post',
      path: '/v1/dev/token',
      tag: 'Development',
      summary: 'Get a token (development mode only)',
      body: z.object({
        sub: z.string().min(1).max(255).optional().openapi({ default: 'development' }),
        send: patterns,
        receive: patterns,
        manage: patterns,
        expiresInSeconds: z
          .int()
          .min(1)
          .max(EXPIRES_IN_SECONDS_MAX)
          .optional()
          .openapi({ default: EXPIRES_IN_SECONDS_DEFAULT }),
      }),
      isBodyOptional: true,
      answers: {
        200: {
          description: 'A token that allows everything, where the request does not say what.',
          schema: z.object({ token: z.string(), expiresAt: z.iso.datetime() }),
        },
      },
      problems: ['access-denied'],
    },
    async ({ c, body }) => {
      // A page on another host that was made to resolve to this machine still names that host.
      if (!isLoopbackHost(c.req.header('host') ?? ''))
        throw new RequestError('access-denied', 'not asked by this machine');
      const expiresAt = clock.now() + (body.expiresInSeconds ?? EXPIRES_IN_SECONDS_DEFAULT) * 1000;
      const { send = ANY_QUEUE, receive = ANY_QUEUE, manage = ANY_QUEUE } = body;
      const grants = { send, receive, manage };
      const token = await tokenMinter.mint({ subject: body.sub ?? 'development', grants, expiresAt });
      return c.json({ token, expiresAt: new Date(Math.floor(expiresAt / 1000) * 1000).toISOString() });
    },
  );
}

function isLoopbackHost(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i.test(host);
}
