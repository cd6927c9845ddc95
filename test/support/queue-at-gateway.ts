/** A queue of a running gateway, by its HTTP API: for tests that look at it from outside. */
export class QueueAtGateway {
  readonly name: string;
  readonly #url: () => string;
  readonly #token: string;

  constructor(options: { readonly name: string; readonly url: () => string; readonly token: string }) {
    this.name = options.name;
    this.#url = options.url;
    this.#token = options.token;
  }

  async create(settings: Readonly<Record<string, unknown>> = {}): Promise<this> {
    await this.#call('PUT', '', settings);
    return this;
  }

  /** With all that it holds. */
  async delete(): Promise<void> {
    await this.#call('DELETE', '?messages=delete');
  }

  async send(...bodies: readonly unknown[]): Promise<void> {
    await this.#call('POST', '/messages', { messages: bodies.map((body) => ({ body })) });
  }

  async settle(request: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#call('POST', '/settle', request);
  }

  async counts(): Promise<QueueCounts> {
    const answer = await this.#call('GET', '');
    return {
      ready: count(answer, 'ready'),
      leased: count(answer, 'leased'),
      delayed: count(answer, 'delayed'),
    };
  }

  async isEmpty(): Promise<boolean> {
    const { ready, leased, delayed } = await this.counts();
    return ready + leased + delayed === 0;
  }

  /** How often each waiting message was handed out, in queue order. */
  async deliveryCounts(): Promise<number[]> {
    return (await this.#peek()).map((message) => count(message, 'deliveryCount'));
  }

  /** The waiting messages with their bodies, in queue order. */
  async messages(): Promise<readonly unknown[]> {
    return this.#peek('&bodies=auto');
  }

  /** The ids of the waiting messages, in queue order. */
  async ids(): Promise<string[]> {
    return (await this.#peek()).map((message) => String(field(message, 'id')));
  }

  async #peek(more = ''): Promise<readonly unknown[]> {
    const messages = field(await this.#call('GET', `/messages?limit=256${more}`), 'messages');
    return Array.isArray(messages) ? messages : [];
  }

  async #call(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`${this.#url()}/v1/queues/${this.name}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer: unknown = response.status === 204 ? undefined : await response.json();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
    return answer;
  }
}

export interface QueueCounts {
  readonly ready: number;
  readonly leased: number;
  readonly delayed: number;
}

function count(answer: unknown, name: string): number {
  const value = field(answer, name);
  if (typeof value !== 'number') throw new Error(`no number ${name} in ${JSON.stringify(answer)}`);
  return value;
}

function field(answer: unknown, name: string): unknown {
  return typeof answer === 'object' && answer !== null ? Reflect.get(answer, name) : undefined;
}
