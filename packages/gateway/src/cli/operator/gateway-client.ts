import { z } from 'zod';

/** A call that did not do what was asked: printed as it is, without a stack. */
export class CallError extends Error {
  override readonly name = 'CallError';
}

/** Where the gateway is, and who asks. */
export interface GatewayAccess {
  readonly url: string;
  readonly token: string | undefined;
}

/** A call of the HTTP API. */
interface ApiCall {
  readonly method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';
  /** Its parts are encoded; `queues`, then `orders;dead-letter`. */
  readonly path: readonly string[];
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: object;
}

/** What the gateway answered: the value of its JSON; undefined without one. */
export type CallGateway = (call: ApiCall) => Promise<unknown>;

const ANSWER_WITHIN_MS = 60_000;

const problem = z.object({ code: z.string(), detail: z.string().optional(), title: z.string().optional() });

/**
 * The way to call a gateway.
 *
 * @throws CallError for an address or token that cannot be used; a call fails with one that names the problem's code
 */
export function gatewayClient({ url, token }: GatewayAccess): CallGateway {
  const base = parseUrl(url);
  if (token === undefined || token === '')
    throw new CallError(
      'no token: set FIELDPOST_TOKEN or give --token; "fieldpost-gateway token --sub me --manage \'*\'" makes one where the gateway runs',
    );
  return async ({ method, path, query = {}, body }) => {
    const address = new URL(`v1/${path.map(encodeURIComponent).join('/')}`, base);
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) address.searchParams.set(name, value);
    const response = await fetch(address, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      redirect: 'error',
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    }).catch((error: unknown) => {
      throw new CallError(
        `no answer from ${base.origin} (${reasonOf(error)}): does the gateway run? --url names another`,
      );
    });
    const text = await response.text();
    const value = parseJson(text);
    if (response.ok && (text === '' || value !== undefined)) return value;
    throw new CallError(refusalOf(response.status, value, base));
  };
}

function parseUrl(url: string): URL {
  const base = URL.canParse(url) ? new URL(url.endsWith('/') ? url : `${url}/`) : undefined;
  if (base === undefined || !/^https?:$/.test(base.protocol))
    throw new CallError(`--url is ${JSON.stringify(url)}: must be like http://127.0.0.1:4100`);
  return base;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refusalOf(status: number, value: unknown, base: URL): string {
  const parsed = problem.safeParse(value);
  if (!parsed.success) return `${base.origin} answered ${status}, and not as a gateway does: is it one?`;
  const { code, detail, title } = parsed.data;
  const hint = HINTS[code];
  return `${code}: ${detail ?? title ?? status}${hint === undefined ? '' : ` (${hint})`}`;
}

const HINTS: Readonly<Record<string, string>> = {
  unauthorized: 'the token is not of this gateway, or has ended',
  'access-denied': 'devices take a token with --manage "*", a queue one that names it',
  'queue-not-found': '"fieldpost-gateway queues list" shows those that are there',
  'queue-not-empty': '--with-messages deletes them as well',
  'queue-exists': '"fieldpost-gateway queues set" changes settings',
};

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (cause instanceof Error && 'code' in cause) return String(cause.code);
  return error.message;
}
