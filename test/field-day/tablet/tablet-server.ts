import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { BookedOrder } from '../order-book.ts';
import { type NextOrders, readTabletState, type TabletConfig, type TabletState } from './tablet-state.ts';

export interface TabletServerOptions {
  readonly scripts: ReadonlyMap<string, string>;
  readonly config: TabletConfig;
  readonly orders: readonly BookedOrder[];
  readonly token: () => Promise<string>;
  /** How many orders the rep takes at once, at this place. */
  readonly burst: (position: number) => number;
  readonly onState: (state: TabletState) => void;
  /** The page met an error that nothing handled. */
  readonly onError: (text: string) => void;
}

/** A page that waits this long asks again. */
const holdMs = 5000;

const page = `<!doctype html>
<meta charset="utf-8">
<title>Field day</title>
<link rel="icon" href="data:,">
<script type="module" src="/page.js"></script>
`;

/**
 * Serves one tablet's page from an origin of its own, which stays the same over all restarts of the browser: the outbox
 * belongs to it. Holds the order book, and lets orders be taken up to a place that the day moves forward.
 */
export class TabletServer {
  readonly #options: TabletServerOptions;
  readonly #server = createServer((request, response) => {
    this.#answer(request, response).catch((error: unknown) => {
      sendFailure(response, error);
    });
  });
  #allowed = 0;
  #waiting = new Set<() => void>();
  #url = '';

  constructor(options: TabletServerOptions) {
    this.#options = options;
  }

  get url(): string {
    return this.#url;
  }

  get allowed(): number {
    return this.#allowed;
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    this.#url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  /** Orders before this place may be taken. */
  allow(place: number): void {
    this.#allowed = Math.max(this.#allowed, place);
    for (const wake of this.#waiting) wake();
  }

  async close(): Promise<void> {
    for (const wake of this.#waiting) wake();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.#url);
    switch (url.pathname) {
      case '/':
        return send(response, 'text/html', page);
      case '/config':
        return json(response, this.#options.config);
      case '/token':
        return json(response, await this.#options.token());
      case '/next':
        return json(response, await this.#next(Number(url.searchParams.get('from')), response));
      case '/state':
        this.#options.onState(readTabletState(JSON.parse(await textOf(request))));
        return json(response, {});
      case '/error':
        this.#options.onError(await textOf(request));
        return json(response, {});
      default:
        return this.#answerScript(url.pathname.slice(1), response);
    }
  }

  #answerScript(name: string, response: ServerResponse): void {
    const script = this.#options.scripts.get(name);
    if (script !== undefined) return send(response, 'text/javascript', script);
    this.#options.onError(`the page asked for ${name}, which is not there`);
    response.statusCode = 404;
    send(response, 'text/plain', 'not found');
  }

  async #next(from: number, response: ServerResponse): Promise<NextOrders> {
    if (from >= this.#allowed) await this.#allowedMore(response);
    const { orders, burst } = this.#options;
    return { orders: orders.slice(from, Math.min(from + burst(from), this.#allowed)) };
  }

  #allowedMore(response: ServerResponse): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, holdMs);
      this.#waiting.add(wake);
      response.once('close', wake);
    });
  }
}

function sendFailure(response: ServerResponse, error: unknown): void {
  response.statusCode = 500;
  send(response, 'text/plain', String(error));
}

function json(response: ServerResponse, value: unknown): void {
  send(response, 'application/json', JSON.stringify(value));
}

function send(response: ServerResponse, contentType: string, body: string): void {
  response.setHeader('content-type', contentType);
  response.setHeader('cache-control', 'no-store');
  response.end(body);
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks).toString();
}
