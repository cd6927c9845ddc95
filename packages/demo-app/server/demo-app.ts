import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { streamSSE } from 'hono/streaming';
import { z } from 'zod';
import { findRep } from '../src/app/reps.ts';
import { ORDERS_QUEUE } from '../src/order/order.ts';
import type { Clerk } from './clerk.ts';
import type { GatewayClient } from './gateway-client.ts';
import type { OfficeFeed } from './office-feed.ts';
import type { StaticFile } from './static-files.ts';

export interface DemoAppOptions {
  readonly files: ReadonlyMap<string, StaticFile>;
  readonly gateway: GatewayClient;
  readonly clerk: Clerk;
  readonly feed: OfficeFeed;
  /** Where the browser finds this server. Pages are served under no other name. */
  readonly origin: () => URL;
}

const bodyBytesMax = 4_096;
const keepAliveMs = 15_000;
const signInRequest = z.object({ rep: z.string() });

/** The demo's server: the two pages, the rep's tokens, and what the back office shows. */
export function createDemoApp(options: DemoAppOptions): Hono {
  const app = new Hono();
  app.use(oneName(options));
  app.use(async (c, next) => {
    await next();
    for (const [name, value] of Object.entries(pageHeaders(options.gateway.url))) c.header(name, value);
  });
  addApi(app, options);
  addOffice(app, options);
  app.get('*', (c) => servePage(c, options.files));
  return app;
}

function addApi(app: Hono, { gateway }: DemoAppOptions): void {
  app.get('/api/settings', (c) => c.json({ gateway: gateway.url }));
  app.post('/api/token', bodyLimit({ maxSize: bodyBytesMax }), async (c) => {
    const request = signInRequest.safeParse(await c.req.json().catch(() => undefined));
    const rep = findRep(request.data?.rep);
    if (rep === undefined) return c.json({ code: 'unauthorized' }, 401);
    const send = rep.maySendOrders ? [ORDERS_QUEUE] : [];
    try {
      const { token } = await gateway.mintToken(rep.id, { send, receive: [], manage: [] });
      return c.json({ token });
    } catch {
      return c.json({ code: 'unavailable' }, 503);
    }
  });
}

function addOffice(app: Hono, { clerk, feed }: DemoAppOptions): void {
  app.post('/api/office/pause', async (c) => {
    await clerk.pause();
    return c.body(null, 204);
  });
  app.post('/api/office/resume', (c) => {
    clerk.resume();
    return c.body(null, 204);
  });
  app.get('/api/office/events', (c) =>
    streamSSE(c, async (stream) => {
      const stop = feed.subscribe(
        (snapshot) => void stream.writeSSE({ data: snapshot }).catch(() => undefined),
      );
      stream.onAbort(stop);
      // A line now and then: a connection that died without a word is noticed by the write.
      while (!stream.aborted && !stream.closed) {
        await stream.sleep(keepAliveMs);
        await stream.write(': here\n\n');
      }
    }),
  );
}

/**
 * One name for one server: IndexedDB belongs to the origin, so `localhost` would be another app with no orders in it. Other
 * names, such as those of a page that was made to resolve to this machine, are not served. What changes something is taken
 * from this server's own pages only.
 */
function oneName({ origin }: DemoAppOptions) {
  return async (c: Context, next: () => Promise<void>): Promise<Response | undefined> => {
    const own = origin();
    const host = c.req.header('host') ?? '';
    if (host === `localhost:${own.port}`) return c.redirect(new URL(c.req.path, own).href, 307);
    if (host !== own.host) return c.text('This server has another name.', 421);
    const from = c.req.header('origin');
    if (c.req.method !== 'GET' && c.req.method !== 'HEAD' && from !== own.origin)
      return c.json({ code: 'origin-not-allowed' }, 403);
    await next();
    return undefined;
  };
}

function pageHeaders(gatewayUrl: string): Readonly<Record<string, string>> {
  const gateway = new URL(gatewayUrl);
  const socket = `${gateway.protocol === 'https:' ? 'wss:' : 'ws:'}//${gateway.host}`;
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "font-src 'self'",
    `connect-src 'self' ${gateway.origin} ${socket}`,
    "manifest-src 'self'",
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return {
    'content-security-policy': policy.join('; '),
    'cross-origin-opener-policy': 'same-origin',
    'permissions-policy': 'camera=(), geolocation=(), microphone=()',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
  };
}

function servePage(c: Context, files: ReadonlyMap<string, StaticFile>): Response {
  const { path } = c.req;
  const page = path === '/office' || path.startsWith('/office/') ? '/office.html' : '/index.html';
  // A path that looks like a file is one, or nothing; every other path is a place inside the app.
  const file = files.get(/\.[a-z\d]+$/i.test(path) ? path : page);
  if (file === undefined || path.startsWith('/api/')) return c.json({ code: 'not-found' }, 404);
  c.header('content-type', file.type);
  c.header('cache-control', file.isImmutable ? 'public, max-age=31536000, immutable' : 'no-cache');
  return c.body(file.bytes);
}
