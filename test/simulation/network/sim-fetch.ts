import { Trace } from '../trace.ts';
import type { Line } from './line.ts';
import type { SocketWorld } from './sim-socket.ts';

/**
 * `fetch` over a line to whichever gateway is there. A request or its answer is lost with an error, as fetch says it: the
 * asker cannot know which of the two it was, nor whether the gateway did what it was asked.
 */
export function createSimFetch(line: Line, world: SocketWorld): typeof fetch {
  return (input, init) =>
    new Promise<Response>((resolve, reject) => {
      new Exchange(line, world, { resolve, reject }).begin(urlOf(input), init ?? {});
    });
}

interface Outcome {
  readonly resolve: (response: Response) => void;
  readonly reject: (error: unknown) => void;
}

class Exchange {
  readonly #line: Line;
  readonly #world: SocketWorld;
  readonly #outcome: Outcome;
  /** Aborted at the gateway when the asker has gone. */
  readonly #gone = new AbortController();
  #lastMs = 0;
  #isOver = false;
  #isDark = false;
  #signOff: (() => void) | undefined;

  constructor(line: Line, world: SocketWorld, outcome: Outcome) {
    this.#line = line;
    this.#world = world;
    this.#outcome = outcome;
  }

  begin(url: string, init: RequestInit): void {
    const { signal, body } = init;
    if (signal?.aborted === true) return this.#fail(signal.reason);
    signal?.addEventListener('abort', () => this.#aborted(signal.reason), { once: true });
    if (this.#line.isOffline || this.#line.strikes('connection-refused')) {
      this.#after('up', () => this.#fail(new TypeError('no connection')));
      return;
    }
    this.#signOff = this.#line.opened(
      (detail) => this.#cut(detail),
      () => (this.#isDark = true),
    );
    // A request that is lost is one that is never answered.
    if (this.#line.strikes('frame-dropped')) return;
    if (this.#line.strikes('connection-cut')) return this.#cut('cut before the request');
    const isBroken = this.#line.takes('cut-in-mid-frame');
    if (this.#line.strikes('frame-overtaken')) {
      // It lies somewhere on the way until the asker has long given up, perhaps.
      this.#lastMs = this.#line.timeline.nowMs + this.#line.rng.below(LATE_MAX_MS);
    }
    this.#after('up', () =>
      this.#arrive(new SimRequest(url, init, bytesOf(body), isBroken, this.#gone.signal)),
    );
    if (this.#line.strikes('frame-doubled')) {
      const again = new SimRequest(url, init, bytesOf(body), false, new AbortController().signal);
      this.#after('up', () => this.#serveUnheard(again));
    }
  }

  #arrive(request: SimRequest): void {
    if (this.#isDark) return;
    const gateway = this.#world.pickGateway();
    if (gateway === undefined) {
      this.#after('down', () => this.#fail(new TypeError('no connection')));
      return;
    }
    this.#note('request', request.content);
    gateway.process.onDeath(() => {
      if (!this.#isDark && !this.#isOver)
        this.#after('down', () => this.#fail(new TypeError('the gateway died')));
    });
    gateway.serve(request).then(
      (response) => this.#answered(response),
      () => this.#after('down', () => this.#fail(new TypeError('cut'))),
    );
  }

  /** A network that repeats a request hears only one of the answers. */
  #serveUnheard(request: SimRequest): void {
    this.#world
      .pickGateway()
      ?.serve(request)
      .catch(() => undefined);
  }

  #answered(response: Response): void {
    if (this.#isDark || this.#isOver) return;
    if (this.#line.strikes('frame-dropped')) return;
    if (this.#line.strikes('connection-cut')) return this.#cut('cut before the answer');
    if (this.#line.takes('captive-portal')) {
      const page = new Response('<html>Please sign in</html>', { headers: { 'content-type': 'text/html' } });
      this.#after('down', () => this.#succeed(page));
      return;
    }
    const isBroken = this.#line.takes('cut-in-mid-frame');
    response.arrayBuffer().then(
      (bytes) => {
        this.#after('down', () => {
          if (this.#isDark) return;
          this.#note('answer', new Uint8Array(bytes));
          this.#succeed(new SimResponse(bytes, response, isBroken));
        });
      },
      () => this.#fail(new TypeError('cut')),
    );
  }

  #cut(detail: string): void {
    this.#line.timeline.schedule(0, () => this.#fail(new TypeError(detail)));
    this.#line.timeline.schedule(this.#line.latencyMs(), () => this.#gone.abort());
  }

  #aborted(reason: unknown): void {
    if (this.#isOver) return;
    this.#fail(reason);
    if (!this.#isDark) this.#after('up', () => this.#gone.abort());
  }

  #after(direction: 'up' | 'down', run: () => void): void {
    const atMs = this.#line.arrivalMs(direction, this.#lastMs);
    this.#lastMs = atMs;
    this.#line.timeline.schedule(atMs - this.#line.timeline.nowMs, run);
  }

  #note(what: string, bytes: Uint8Array): void {
    this.#world.trace.note(this.#line.timeline.nowMs, what, this.#line.name, bytes.length, Trace.of(bytes));
  }

  #succeed(response: Response): void {
    if (this.#isOver) return;
    this.#end();
    this.#outcome.resolve(response);
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#end();
    this.#outcome.reject(error);
  }

  #end(): void {
    this.#isOver = true;
    this.#signOff?.();
  }
}

const LATE_MAX_MS = 60_000;
const CUT = new TypeError('the connection was cut in the middle of the body');

/** A request whose body is at hand: the streams of the runtime take turns of their own. */
class SimRequest extends Request {
  readonly content: Uint8Array<ArrayBuffer>;
  readonly #isBroken: boolean;

  constructor(
    url: string,
    init: RequestInit,
    bytes: Uint8Array<ArrayBuffer>,
    isBroken: boolean,
    signal: AbortSignal,
  ) {
    const headers = new Headers(init.headers);
    headers.set('content-length', String(bytes.length));
    super(url, { method: init.method ?? 'GET', headers, signal });
    this.content = bytes;
    this.#isBroken = isBroken;
  }

  override arrayBuffer(): Promise<ArrayBuffer> {
    return this.#isBroken ? Promise.reject(CUT) : Promise.resolve(this.content.slice().buffer);
  }
}

class SimResponse extends Response {
  readonly #bytes: ArrayBuffer;
  readonly #isBroken: boolean;

  constructor(bytes: ArrayBuffer, from: Response, isBroken: boolean) {
    super(null, { status: from.status, headers: from.headers });
    this.#bytes = bytes;
    this.#isBroken = isBroken;
  }

  override arrayBuffer(): Promise<ArrayBuffer> {
    return this.#isBroken ? Promise.reject(CUT) : Promise.resolve(this.#bytes);
  }

  override async text(): Promise<string> {
    return new TextDecoder().decode(await this.arrayBuffer());
  }

  override async json(): Promise<unknown> {
    return JSON.parse(await this.text()) as unknown;
  }
}

function urlOf(input: RequestInfo | URL): string {
  if (typeof input === 'string') return input;
  return input instanceof URL ? input.href : input.url;
}

function bytesOf(body: RequestInit['body']): Uint8Array<ArrayBuffer> {
  if (body === undefined || body === null) return new Uint8Array(0);
  if (typeof body === 'string') return new TextEncoder().encode(body);
  if (body instanceof Uint8Array) return new Uint8Array(body);
  throw new TypeError('the simulated fetch takes texts and bytes');
}
