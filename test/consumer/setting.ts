import {
  type Consumer,
  type ConsumerOptions,
  type ConsumerProblem,
  createConsumer,
} from '@fieldpost/sdk/consumer';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { QueueAtGateway } from '../support/queue-at-gateway.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

/** A body of these tests. */
export interface Job {
  readonly n: number;
}

/** A gateway with a proxy before it, and consumers that go through the proxy. */
export class Setting {
  readonly gateway: GatewayProcess;
  readonly proxy: TcpProxy;
  readonly token: string;
  /** Of all consumers, in order. */
  readonly problems: ConsumerProblem[] = [];
  /** The requests of all consumers: `receive`, `settle` or `transactions`, with what was asked for. */
  readonly requests: { readonly action: string; readonly body: Readonly<Record<string, unknown>> }[] = [];
  readonly #consumers: Pick<Consumer, 'close'>[] = [];
  #queues = 0;

  private constructor(gateway: GatewayProcess, proxy: TcpProxy, token: string) {
    this.gateway = gateway;
    this.proxy = proxy;
    this.token = token;
  }

  static async start(): Promise<Setting> {
    const gateway = await startGatewayProcess();
    const proxy = await startTcpProxy({ target: () => ({ host: '127.0.0.1', port: gateway.port }) });
    return new Setting(gateway, proxy, await gateway.token());
  }

  /** A new queue that holds these numbers; settings may stand before them. */
  async queue(
    ...content: readonly number[] | readonly [Readonly<Record<string, unknown>>, ...(readonly number[])]
  ): Promise<QueueAtGateway> {
    this.#queues += 1;
    const name = `jobs-${this.#queues}`;
    const queue = new QueueAtGateway({ name, url: () => this.gateway.url, token: this.token });
    const [settings] = content;
    await queue.create(typeof settings === 'object' ? settings : {});
    const numbers = content.filter((item) => typeof item === 'number');
    if (numbers.length > 0) await queue.send(...numbers.map((n) => ({ n })));
    return queue;
  }

  consumer(queue: QueueAtGateway, options: Partial<ConsumerOptions<Job>> = {}): Consumer<Job> {
    const consumer = createConsumer<Job>({
      gateway: `http://127.0.0.1:${this.proxy.port}`,
      token: () => this.token,
      queue: queue.name,
      parse: readJob,
      onProblem: (problem) => this.problems.push(problem),
      ...options,
      surroundings: { fetch: (input, init) => this.#fetch(input, init), ...options.surroundings },
    });
    this.#consumers.push(consumer);
    return consumer;
  }

  /** How many requests settled something in this way. */
  settles(kind: 'ack' | 'nack' | 'extend' | 'release'): number {
    return this.requests.filter(({ action, body }) => action === 'settle' && kind in body).length;
  }

  kinds(): string[] {
    return this.problems.map(({ kind }) => kind);
  }

  /** Ends what a test left running. */
  async tidy(): Promise<void> {
    // Requests find the gateway again, but not by a connection that another test has left.
    this.proxy.setMode({ kind: 'pass' });
    this.proxy.cut();
    await Promise.all(this.#consumers.splice(0).map((consumer) => consumer.close({ timeoutMs: 0 })));
    this.problems.length = 0;
    this.requests.length = 0;
  }

  async stop(): Promise<void> {
    await this.proxy.close();
    await this.gateway.dispose();
  }

  #fetch(input: Parameters<typeof fetch>[0], init: RequestInit | undefined): Promise<Response> {
    const url = new URL(input instanceof Request ? input.url : input);
    const action = url.pathname.split('/').at(-1) ?? '';
    const body: unknown = JSON.parse(typeof init?.body === 'string' ? init.body : '{}');
    this.requests.push({ action, body: typeof body === 'object' && body !== null ? { ...body } : {} });
    return fetch(input, init);
  }
}

function readJob(body: unknown): Job {
  if (typeof body === 'object' && body !== null && 'n' in body && typeof body.n === 'number')
    return { n: body.n };
  throw new TypeError(`no job: ${JSON.stringify(body)}`);
}
