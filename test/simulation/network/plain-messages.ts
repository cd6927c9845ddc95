import { PlainHeaders } from './plain-headers.ts';

/**
 * Requests and answers whose bodies are at hand. The runtime's own carry a stream each, whose turns cost more than all
 * the rest of a world; what the product asks of them is the same.
 */
class PlainBody {
  readonly headers: Headers;
  readonly content: Uint8Array<ArrayBuffer>;
  /** The connection broke in the middle of it. */
  readonly isBroken: boolean;
  bodyUsed = false;

  constructor(headers: HeadersInit | undefined, content: BodyInit | null | undefined, isBroken: boolean) {
    this.headers = new PlainHeaders(headers);
    this.content = bytesOf(content);
    this.isBroken = isBroken;
  }

  /** Good for one thing: to make another message of it. */
  get body(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    const stream: ReadableStream<Uint8Array<ArrayBuffer>> = Object.create(ReadableStream.prototype);
    CONTENTS.set(stream, this.content);
    return stream;
  }

  bytes(): Promise<Uint8Array<ArrayBuffer>> {
    this.bodyUsed = true;
    return this.isBroken
      ? Promise.reject(new TypeError('the connection was cut in the middle of the body'))
      : Promise.resolve(this.content);
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    const { buffer, byteOffset, byteLength } = await this.bytes();
    return byteLength === buffer.byteLength ? buffer : buffer.slice(byteOffset, byteOffset + byteLength);
  }

  async text(): Promise<string> {
    return DECODER.decode(await this.bytes());
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text()) as unknown;
  }

  blob(): Promise<Blob> {
    return Promise.reject(new TypeError('the simulation has no blobs'));
  }

  formData(): Promise<FormData> {
    return Promise.reject(new TypeError('the simulation has no forms'));
  }
}

export interface PlainRequestOptions {
  readonly method: string;
  readonly headers: HeadersInit | undefined;
  readonly content: Uint8Array<ArrayBuffer>;
  readonly isBroken: boolean;
  /** Aborted when the asker has gone. */
  readonly signal: AbortSignal;
}

export class PlainRequest extends PlainBody implements Request {
  readonly url: string;
  readonly method: string;
  readonly signal: AbortSignal;
  readonly cache = 'no-store';
  readonly credentials = 'omit';
  readonly destination = '';
  readonly integrity = '';
  readonly keepalive = false;
  readonly mode = 'cors';
  readonly redirect = 'error';
  readonly referrer = '';
  readonly referrerPolicy = '';
  readonly duplex = 'half';
  readonly #options: PlainRequestOptions;

  constructor(url: string, options: PlainRequestOptions) {
    super(options.headers, options.content, options.isBroken);
    this.url = url;
    this.method = options.method;
    this.signal = options.signal;
    this.#options = options;
    // Node's parser holds a sender to the length it announced.
    this.headers.set('content-length', String(this.content.length));
  }

  clone(): PlainRequest {
    return new PlainRequest(this.url, this.#options);
  }
}

export class PlainResponse extends PlainBody implements Response {
  readonly status: number;
  readonly statusText: string;
  readonly redirected = false;
  readonly type = 'basic';
  readonly url = '';

  constructor(content?: BodyInit | null, init: ResponseInit & { readonly isBroken?: boolean } = {}) {
    super(init.headers, content, init.isBroken === true);
    this.status = init.status ?? 200;
    this.statusText = init.statusText ?? '';
    // As the runtime's do for a text.
    if (typeof content === 'string' && !this.headers.has('content-type'))
      this.headers.set('content-type', 'text/plain;charset=UTF-8');
  }

  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  clone(): PlainResponse {
    const { status, statusText, headers, isBroken } = this;
    return new PlainResponse(this.content, { status, statusText, headers, isBroken });
  }
}

/** Has the product make plain answers from here on. Returns the way back. */
export function makePlainAnswers(): () => void {
  const { Response: response, Headers: headers } = globalThis;
  Object.defineProperty(globalThis, 'Response', { value: PlainResponse, configurable: true, writable: true });
  Object.defineProperty(globalThis, 'Headers', { value: PlainHeaders, configurable: true, writable: true });
  return () => {
    globalThis.Response = response;
    globalThis.Headers = headers;
  };
}

/** What the streams stand for. */
const CONTENTS = new WeakMap<object, Uint8Array<ArrayBuffer>>();
const DECODER = new TextDecoder();
const ENCODER = new TextEncoder();

function bytesOf(content: BodyInit | null | undefined): Uint8Array<ArrayBuffer> {
  if (content === undefined || content === null) return new Uint8Array(0);
  if (typeof content === 'string') return ENCODER.encode(content);
  if (content instanceof Uint8Array) return new Uint8Array(content);
  if (content instanceof ArrayBuffer) return new Uint8Array(content);
  const held = typeof content === 'object' ? CONTENTS.get(content) : undefined;
  if (held !== undefined) return held;
  throw new TypeError('the simulation carries texts and bytes');
}
