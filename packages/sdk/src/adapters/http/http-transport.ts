import { FRAMES_MEDIA_TYPE, LIMITS, packFrames, unpackFrames } from '@fieldpost/protocol';
import type { Clock } from '../../ports/clock.ts';
import type {
  CloseReason,
  Connection,
  ConnectRequest,
  Transport,
  TransportListener,
} from '../../ports/transport.ts';
import { createSystemClock } from '../browser/system-clock.ts';

/** One request carries so much: on a slow line the answer, and with it what is settled, comes sooner. */
const REQUEST_BYTES = 1024 * 1024;
/** A slower line than this is taken for a dead one, in bytes per millisecond. */
const SLOWEST_LINE = 8;

export interface HttpTransportOptions {
  /** Default: the global one. */
  readonly fetch?: typeof fetch;
  /** Ends requests that are not answered. Default: the runtime's timers. */
  readonly clock?: Pick<Clock, 'schedule'>;
}

/**
 * Frames in the bodies of `POST /v1/device/sync`, one request at a time: what is sent while one runs goes with the next.
 * For service workers, and for networks that break WebSockets.
 */
export function createHttpTransport(options: HttpTransportOptions = {}): Transport {
  const clock = options.clock ?? createSystemClock();
  return {
    connect(request, listener) {
      const send = options.fetch ?? ((...args: Parameters<typeof fetch>) => fetch(...args));
      const connection = new HttpConnection(request, listener, send, clock);
      queueMicrotask(() => connection.begin());
      return connection;
    },
  };
}

class HttpConnection implements Connection {
  readonly #url: string;
  readonly #listener: TransportListener;
  readonly #fetch: typeof fetch;
  readonly #clock: Pick<Clock, 'schedule'>;
  readonly #waiting: Uint8Array[] = [];
  readonly #abort = new AbortController();
  #token: string;
  #isRunning = false;
  #isOver = false;

  constructor(
    request: ConnectRequest,
    listener: TransportListener,
    send: typeof fetch,
    clock: Pick<Clock, 'schedule'>,
  ) {
    this.#url = endpoint(request.gateway, 'v1/device/sync').href;
    this.#token = request.token;
    this.#listener = listener;
    this.#fetch = send;
    this.#clock = clock;
  }

  begin(): void {
    if (!this.#isOver) this.#listener.opened();
  }

  send(frames: readonly Uint8Array[]): void {
    this.#waiting.push(...frames);
    this.#run().catch((error: unknown) => this.#end({ code: 'lost', detail: String(error) }));
  }

  setToken(token: string): void {
    this.#token = token;
  }

  close(): void {
    this.#end({ code: 'closed-here', detail: 'closed by this device' });
    this.#abort.abort();
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    // Frames sent in the same turn share the request.
    await Promise.resolve();
    while (!this.#isOver && this.#waiting.length > 0) {
      const ended = await this.#exchange(this.#take());
      if (ended !== undefined) this.#end(ended);
    }
    this.#isRunning = false;
  }

  #take(): Uint8Array<ArrayBuffer> {
    let count = 0;
    let bytes = 0;
    for (const frame of this.#waiting) {
      bytes += frame.length;
      if (count > 0 && (bytes > REQUEST_BYTES || count === LIMITS.syncFrames)) break;
      count++;
    }
    return packFrames(this.#waiting.splice(0, count));
  }

  /** One request and its answer. Returns why the connection is over, if it is. */
  async #exchange(body: Uint8Array<ArrayBuffer>): Promise<CloseReason | undefined> {
    const late = new AbortController();
    const timeoutMs = LIMITS.answerTimeoutMs + Math.ceil(body.length / SLOWEST_LINE);
    const cancel = this.#clock.schedule(timeoutMs, () =>
      late.abort(new DOMException(`no answer within ${timeoutMs} ms`, 'TimeoutError')),
    );
    try {
      return await this.#request(body, AbortSignal.any([this.#abort.signal, late.signal]));
    } finally {
      cancel();
    }
  }

  async #request(body: Uint8Array<ArrayBuffer>, signal: AbortSignal): Promise<CloseReason | undefined> {
    const response = await this.#fetch(this.#url, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.#token}`, 'content-type': FRAMES_MEDIA_TYPE },
      body,
      signal,
      credentials: 'omit',
      cache: 'no-store',
      // A gateway does not redirect; a network's sign-in page does.
      redirect: 'error',
    });
    const refusal = await refusalOf(response);
    if (refusal !== undefined) return refusal;
    const answer = new Uint8Array(await response.arrayBuffer());
    for (const frame of unpackFrames(answer)) if (!this.#isOver) this.#listener.received(frame);
    return undefined;
  }

  #end(reason: CloseReason): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#listener.closed(reason);
  }
}

/** The URL of a path below a gateway's base URL, which may have a path itself. */
function endpoint(gateway: string, path: string): URL {
  return new URL(path, gateway.endsWith('/') ? gateway : `${gateway}/`);
}

async function refusalOf(response: Response): Promise<CloseReason | undefined> {
  const mediaType = (response.headers.get('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase();
  if (response.status === 200) {
    if (mediaType === FRAMES_MEDIA_TYPE) return undefined;
    return { code: 'refused', detail: `an answer of type ${mediaType}: this is not a gateway` };
  }
  const problem = mediaType === 'application/problem+json' ? await readProblem(response) : undefined;
  const detail = `HTTP ${response.status}${problem === undefined ? '' : ` ${problem}`}`;
  switch (response.status) {
    case 401:
      return { code: 'unauthorized', detail };
    case 403:
      return { code: problem === 'origin-not-allowed' ? 'origin-not-allowed' : 'refused', detail };
    case 413:
      return { code: 'too-large', detail };
    case 429:
    case 503:
      return { code: 'busy', detail, ...retryAfter(response) };
    default:
      return { code: 'refused', detail };
  }
}

async function readProblem(response: Response): Promise<string | undefined> {
  const problem: unknown = await response.json().catch(() => undefined);
  if (typeof problem !== 'object' || problem === null || !('code' in problem)) return undefined;
  return typeof problem.code === 'string' ? problem.code : undefined;
}

function retryAfter(response: Response): { readonly retryAfterMs?: number } {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? { retryAfterMs: Math.round(seconds * 1000) } : {};
}
