import { type Code, CodedError, CODES } from '@fieldpost/protocol';
import { OpenAPIHono, type RouteConfig, z } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';
import { allows, managesEverything } from '../core/permissions.ts';
import type { Authenticator, Permission, Principal } from '../ports/authenticator.ts';
import type { Clock } from '../ports/clock.ts';
import type { Logger } from '../ports/logger.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { InputRoom, InputShare } from '../shell/input-room.ts';
import { PROBLEM_MEDIA_TYPE, problemResponse, problemSchema, RequestError } from './problem.ts';
import { hasMediaType, hasNoBody, readBody } from './read-body.ts';

/**
 * The one way to add a route: it documents the route, checks the token, and reads path, query and body by their
 * schemas before the handler runs. The check belongs to the route and not to a path prefix, which `%2F` or `//` get
 * round.
 */
export interface Api {
  /** A route for bearers of a valid token. */
  route<Path extends z.ZodObject, Query extends z.ZodObject, Body extends z.ZodType>(
    route: Route<Path, Query, Body>,
    handle: (request: AuthenticatedRequest<z.infer<Path>, z.infer<Query>, z.infer<Body>>) => Answer,
  ): void;
  /** A route for everybody. */
  publicRoute<Path extends z.ZodObject, Query extends z.ZodObject, Body extends z.ZodType>(
    route: Route<Path, Query, Body>,
    handle: (request: ApiRequest<z.infer<Path>, z.infer<Query>, z.infer<Body>>) => Answer,
  ): void;
}

type Answer = Response | Promise<Response>;

interface Route<Path extends z.ZodObject, Query extends z.ZodObject, Body extends z.ZodType> {
  readonly method: 'get' | 'put' | 'post' | 'patch' | 'delete';
  /** With `{name}` for parameters. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly params?: Path;
  readonly query?: Query;
  /** JSON by this schema; a route that reads its body itself says `rawBody`. */
  readonly body?: Body;
  readonly bodyBytesMax?: number;
  /** A request without any body counts as `{}`. */
  readonly isBodyOptional?: boolean;
  readonly rawBody?: { readonly mediaType: string; readonly description: string };
  readonly answers: Readonly<Record<number, AnswerDoc>>;
  /** Codes that the route answers with, beside those that every route may. */
  readonly problems: readonly Code[];
}

interface AnswerDoc {
  readonly description: string;
  readonly schema?: z.ZodType;
  readonly mediaType?: string;
}

interface ApiRequest<Path, Query, Body> {
  readonly c: Context;
  readonly params: Path;
  readonly query: Query;
  readonly body: Body;
  /** The JSON text that `body` was read from; empty without one. */
  readonly bodyText: string;
  /** Counts the body until the request is answered. */
  readonly inputShare: InputShare;
}

interface AuthenticatedRequest<Path, Query, Body> extends ApiRequest<Path, Query, Body> {
  readonly principal: Principal;
}

export interface ApiPorts {
  readonly authenticator: Authenticator;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly corsHandler: MiddlewareHandler;
  readonly inputRoom: InputRoom;
  readonly metrics: Pick<Metrics, 'count'>;
}

/** The bound of a JSON body whose route names none. */
const BODY_BYTES_DEFAULT = 64 * 1024;
const BEARER_SCHEME = 'token';

/** An application without routes, and the way to add them. */
export function createApi(ports: ApiPorts): {
  readonly app: OpenAPIHono;
  readonly api: Api;
  readonly seal: () => void;
  /** Writes every route into the registry that descriptions are made of; once, when the first is asked for. */
  readonly document: () => void;
} {
  const app = new OpenAPIHono();
  app.use(ports.corsHandler);
  const refuse = (error: CodedError): Response => {
    ports.metrics.count('fieldpost_http_problems_total', { code: error.code });
    return problemResponse(error);
  };
  app.onError((error) => refuse(problemOf(error, ports.logger)));
  app.notFound((c) => refuse(new RequestError('not-found', `nothing is at ${c.req.path.slice(0, 256)}`)));
  const methods = new Map<string, string[]>();
  // Few ever ask for a description, and making it takes longer than all the rest of a start.
  const documents: (() => RouteConfig)[] = [];

  const add = <Path extends z.ZodObject, Query extends z.ZodObject, Body extends z.ZodType>(
    route: Route<Path, Query, Body>,
    isPublic: boolean,
    serve: (
      c: Context,
      read: () => Promise<ApiRequest<z.infer<Path>, z.infer<Query>, z.infer<Body>>>,
    ) => Answer,
  ): void => {
    documents.push(() => documentOf(route, isPublic));
    const path = route.path.replaceAll(/\{(\w+)\}/g, ':$1');
    methods.set(path, [...(methods.get(path) ?? []), route.method.toUpperCase()]);
    app.on(route.method.toUpperCase(), path, async (c) => {
      const inputShare = ports.inputRoom.share();
      try {
        return await serve(c, () => readRequest(c, route, inputShare));
      } finally {
        inputShare.release();
      }
    });
  };

  const api: Api = {
    route: (route, handle) =>
      add(route, false, async (c, read) => {
        const principal = await authenticate(c, ports);
        return handle({ ...(await read()), principal });
      }),
    publicRoute: (route, handle) => add(route, true, async (_, read) => handle(await read())),
  };
  return {
    app,
    api,
    seal: () => refuseOtherMethods(app, methods, refuse),
    document: () => documentAll(app, documents.splice(0)),
  };
}

function documentAll({ openAPIRegistry }: OpenAPIHono, documents: readonly (() => RouteConfig)[]): void {
  if (documents.length === 0) return;
  openAPIRegistry.registerComponent('securitySchemes', BEARER_SCHEME, {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
  });
  for (const describe of documents) openAPIRegistry.registerPath(describe());
}

/** Throws `access-denied` unless the token allows it. */
export function requirePermission(principal: Principal, permission: Permission, queue: string): void {
  if (!allows(principal.grants, permission, queue))
    throw new RequestError('access-denied', 'not allowed by the token');
}

/** Throws `access-denied` unless the token allows to manage every queue. */
export function requireOperator({ grants }: Principal): void {
  if (!managesEverything(grants)) throw new RequestError('access-denied', 'not allowed by the token');
}

async function authenticate(c: Context, ports: ApiPorts): Promise<Principal> {
  const [scheme, token, ...rest] = (c.req.header('authorization') ?? '').split(' ');
  if (scheme?.toLowerCase() !== 'bearer' || token === undefined || token === '' || rest.length > 0) {
    throw new RequestError('unauthorized', 'no bearer token');
  }
  return ports.authenticator.authenticate(token, ports.clock.now());
}

async function readRequest<Path extends z.ZodObject, Query extends z.ZodObject, Body extends z.ZodType>(
  c: Context,
  route: Route<Path, Query, Body>,
  inputShare: InputShare,
): Promise<ApiRequest<z.infer<Path>, z.infer<Query>, z.infer<Body>>> {
  const params = parse(route.params, c.req.param(), 'path');
  const query = parse(route.query, c.req.query(), 'query');
  const request = { c, params, query, bodyText: '', inputShare };
  if (route.body === undefined) return { ...request, body: undefined as z.infer<Body> };
  if (route.isBodyOptional === true && hasNoBody(c))
    return { ...request, body: parse(route.body, {}, 'body') };
  if (!hasMediaType(c, 'application/json')) {
    throw new RequestError('unsupported-media-type', 'the body has to be application/json');
  }
  const bytes = await readBody(c, route.bodyBytesMax ?? BODY_BYTES_DEFAULT, inputShare);
  const bodyText = decodeText(bytes);
  return { ...request, body: parse(route.body, parseJson(bodyText), 'body'), bodyText };
}

function parse<Schema extends z.ZodType>(
  schema: Schema | undefined,
  value: unknown,
  where: string,
): z.infer<Schema> {
  if (schema === undefined) return {} as z.infer<Schema>;
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = [where, ...(issue?.path ?? [])].join('.');
  throw new RequestError('invalid-request', `${path}: ${issue?.message ?? 'not valid'}`.slice(0, DETAIL_MAX));
}

const DETAIL_MAX = 512;
const UTF8 = new TextDecoder('utf-8', { fatal: true });

function decodeText(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes);
  } catch (cause) {
    throw new RequestError('invalid-request', 'the body is not UTF-8', { cause });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new RequestError('invalid-request', 'the body is not JSON', { cause });
  }
}

/** What passes by itself, with its own code: the caller tries again. */
const PASSING_CODES: ReadonlySet<Code> = new Set([
  'busy',
  'shutting-down',
  'stalled',
  'store-full',
  'store-failed',
  'store-unavailable',
]);
const PASSING_RETRY_MS = 1_000;

/** What a request that failed is answered with; what nobody expected is logged. */
function problemOf(error: Error, logger: Logger): CodedError {
  if (error instanceof RequestError) return error;
  if (error instanceof CodedError && CODES[error.code].status < 500) return error;
  if (error instanceof CodedError && error.code === 'shutting-down') return passingProblem(error.code);
  logger.error({ error }, 'a request failed');
  if (error instanceof CodedError && PASSING_CODES.has(error.code)) return passingProblem(error.code);
  return new RequestError('internal', CODES.internal.meaning);
}

function passingProblem(code: Code): RequestError {
  return new RequestError(code, CODES[code].meaning, { retryAfterMs: PASSING_RETRY_MS });
}

/** An address that exists answers a method that it has not with 405, and says which it has. */
function refuseOtherMethods(
  app: OpenAPIHono,
  methods: ReadonlyMap<string, readonly string[]>,
  refuse: (error: CodedError) => Response,
): void {
  for (const [path, allowed] of methods) {
    app.all(path, (c) => {
      const detail = `${c.req.method} is not served here, ${allowed.join(', ')} is`;
      return refuse(
        new RequestError('method-not-allowed', detail, { headers: { allow: allowed.join(', ') } }),
      );
    });
  }
}

const COMMON_PROBLEMS: readonly Code[] = ['invalid-request', 'internal', 'shutting-down'];
const TOKEN_PROBLEMS: readonly Code[] = ['unauthorized'];
const BODY_PROBLEMS: readonly Code[] = ['payload-too-large', 'unsupported-media-type', 'busy'];

function documentOf<Path extends z.ZodObject, Query extends z.ZodObject, Body extends z.ZodType>(
  route: Route<Path, Query, Body>,
  isPublic: boolean,
): RouteConfig {
  const { params, query, body, rawBody } = route;
  const hasBody = body !== undefined || rawBody !== undefined;
  const codes = [
    ...COMMON_PROBLEMS,
    ...(isPublic ? [] : TOKEN_PROBLEMS),
    ...(hasBody ? BODY_PROBLEMS : []),
    ...route.problems,
  ];
  return {
    method: route.method,
    path: route.path,
    tags: [route.tag],
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    ...(isPublic ? {} : { security: [{ [BEARER_SCHEME]: [] }] }),
    request: {
      ...(params === undefined ? {} : { params }),
      ...(query === undefined ? {} : { query }),
      ...(body === undefined
        ? {}
        : {
            body: {
              required: route.isBodyOptional !== true,
              content: { 'application/json': { schema: body } },
            },
          }),
      ...(rawBody === undefined
        ? {}
        : {
            body: {
              required: true,
              description: rawBody.description,
              content: { [rawBody.mediaType]: { schema: { type: 'string', format: 'binary' } as const } },
            },
          }),
    },
    responses: { ...answersOf(route.answers), ...problemsOf(codes) },
  };
}

function answersOf(answers: Readonly<Record<number, AnswerDoc>>): RouteConfig['responses'] {
  return Object.fromEntries(
    Object.entries(answers).map(([status, { description, schema, mediaType }]) => {
      if (schema === undefined && mediaType === undefined) return [status, { description }];
      const content = { [mediaType ?? 'application/json']: { schema: schema ?? z.string() } };
      return [status, { description, content }];
    }),
  );
}

/** One response per status, whose description lists the codes that it comes with. */
function problemsOf(codes: readonly Code[]): RouteConfig['responses'] {
  const byStatus = new Map<number, Code[]>();
  for (const code of new Set(codes))
    byStatus.set(CODES[code].status, [...(byStatus.get(CODES[code].status) ?? []), code]);
  return Object.fromEntries(
    [...byStatus].map(([status, list]) => {
      const description = list.map((code) => `\`${code}\`: ${CODES[code].meaning}`).join('\n\n');
      return [status, { description, content: { [PROBLEM_MEDIA_TYPE]: { schema: problemSchema } } }];
    }),
  );
}
