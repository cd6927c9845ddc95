import { Trace } from '../trace.ts';
import type { Line } from './line.ts';
import { PlainRequest, PlainResponse } from './plain-messages.ts';
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
    if (this.#line.strikes('frame-overtaken')) {
      // It lies somewhere on the way until the asker has long given up, perhaps.
      this.#lastMs = this.#line.timeline.nowMs + this.#line.rng.below(LATE_MAX_MS);
    }
    const request = new PlainRequest(url, {
      method: init.method ?? 'GET',
      headers: init.headers,
      content: bytesOf(body),
      isBroken: this.#line.takes('cut-in-mid-frame'),
      signal: this.#gone.signal,
    });
    this.#after('up', () => this.#arrive(request));
    if (this.#line.strikes('frame-doubled')) this.#after('up', () => this.#serveUnheard(request.clone()));
  }

  #arrive(request: PlainRequest): void {
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
  #serveUnheard(request: PlainRequest): void {
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
      const page = new PlainResponse('<html>Please sign in</html>', {
        headers: { 'content-type': 'text/html' },
      });
      this.#after('down', () => this.#succeed(page));
      return;
    }
    const isBroken = this.#line.takes('cut-in-mid-frame');
    response.bytes().then(
      (bytes) => {
        const { status, headers } = response;
        this.#after('down', () => {
          if (this.#isDark) return;
          this.#note('answer', bytes);
          this.#succeed(new PlainResponse(bytes, { status, headers, isBroken }));
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

function urlOf(input: RequestInfo | URL): string {
  if (typeof input === 'string') return input;
  return input instanceof URL ? input.href : input.url;
}

function bytesOf(body: RequestInit['body']): Uint8Array<ArrayBuffer> {
  if (body === undefined || body === null) return new Uint8Array(0);
  if (typeof body === 'string') return ENCODER.encode(body);
  if (body instanceof Uint8Array) return new Uint8Array(body);
  throw new TypeError('the simulated fetch takes texts and bytes');
}

const ENCODER = new TextEncoder();
