import { type Code, CodedError, CODES } from '@fieldpost/protocol';
import { z } from '@hono/zod-openapi';

/** The media type of RFC 9457. */
export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** Refused for what the request is: the text goes to the caller, so it holds nothing that the caller may not know. */
export class RequestError extends CodedError {
  override readonly name = 'RequestError';
  /** How long to wait before the request may succeed. */
  readonly retryAfterMs: number | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: Code, message: string, options: RequestErrorOptions = {}) {
    super(code, message, options);
    this.retryAfterMs = options.retryAfterMs;
    this.headers = options.headers ?? {};
  }
}

export interface RequestErrorOptions extends ErrorOptions {
  readonly retryAfterMs?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

export function queueNotFound(queue: string): RequestError {
  return new RequestError('queue-not-found', `no queue is named ${queue}`);
}

export const problemSchema = z
  .object({
    type: z
      .string()
      .openapi({ description: 'A URN of the code.', example: 'urn:fieldpost:problem:queue-not-found' }),
    title: z.string().openapi({ description: 'What the code means; for people.' }),
    status: z.number().int(),
    code: z.string().openapi({ description: 'Stable: programs branch on this and on nothing else.' }),
    detail: z.string().optional().openapi({ description: 'What was wrong in this request; for people.' }),
    retryAfterMs: z
      .number()
      .int()
      .optional()
      .openapi({ description: 'When trying again may help: after how long.' }),
  })
  .openapi('Problem');

/** Security refusals say no more than their code. */
const WITHOUT_DETAIL: ReadonlySet<Code> = new Set([
  'unauthorized',
  'access-denied',
  'revoked',
  'origin-not-allowed',
  'internal',
]);

/** The answer to a request that failed with `error`. */
export function problemResponse(error: CodedError): Response {
  const { status, meaning } = CODES[error.code];
  const isOurs = error instanceof RequestError;
  const retryAfterMs = isOurs ? error.retryAfterMs : undefined;
  const body = {
    type: `urn:fieldpost:problem:${error.code}`,
    title: meaning,
    status,
    code: error.code,
    ...(WITHOUT_DETAIL.has(error.code) ? {} : { detail: error.message }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
  const headers = new Headers({ ...(isOurs ? error.headers : {}), 'content-type': PROBLEM_MEDIA_TYPE });
  if (error.code === 'unauthorized') headers.set('www-authenticate', 'Bearer');
  if (retryAfterMs !== undefined) headers.set('retry-after', String(Math.ceil(retryAfterMs / 1000)));
  return new Response(JSON.stringify(body), { status, headers });
}
