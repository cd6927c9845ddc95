import { join } from 'node:path';
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy.ts';
import { until } from '../../support/until.ts';
import type { BookedOrder } from '../order-book.ts';
import { TabletBrowser } from './tablet-browser.ts';
import { TabletServer } from './tablet-server.ts';
import type { TabletState } from './tablet-state.ts';

export interface TabletOptions {
  readonly name: string;
  /** What this tablet sends. */
  readonly orders: readonly BookedOrder[];
  readonly queue: string;
  readonly transport: 'socket' | 'http';
  readonly scripts: ReadonlyMap<string, string>;
  /** For the profile and the log. */
  readonly folder: string;
  readonly gatewayPort: () => number;
  readonly token: () => Promise<string>;
  readonly burst: (position: number) => number;
  readonly onError: (text: string) => void;
}

/** Saving an order takes milliseconds; a tablet that does not move for so long is stuck. */
const stuckAfterMs = 60_000;

/** A rep's tablet: a browser with its profile, an origin of its own, and a line of its own to the gateway. */
export class Tablet {
  readonly name: string;
  readonly total: number;
  readonly proxy: TcpProxy;
  readonly browser: TabletBrowser;
  readonly #server: TabletServer;
  #state: TabletState | undefined;
  #position = 0;

  private constructor(options: TabletOptions, proxy: TcpProxy, server: TabletServer) {
    this.name = options.name;
    this.total = options.orders.length;
    this.proxy = proxy;
    this.#server = server;
    this.browser = new TabletBrowser({
      profile: join(options.folder, `${options.name}-profile`),
      log: join(options.folder, `${options.name}.log`),
      url: server.url,
    });
  }

  /** Everything but the browser, which {@link TabletBrowser.start} starts when the gateway knows this origin. */
  static async prepare(options: TabletOptions): Promise<Tablet> {
    const proxy = await startTcpProxy({ target: () => ({ host: '127.0.0.1', port: options.gatewayPort() }) });
    const told: { tablet?: Tablet } = {};
    const server = new TabletServer({
      ...options,
      config: {
        tablet: options.name,
        gateway: `http://127.0.0.1:${proxy.port}`,
        queue: options.queue,
        transport: options.transport,
      },
      onState: (state) => told.tablet?.hear(state),
    });
    await server.listen();
    told.tablet = new Tablet(options, proxy, server);
    return told.tablet;
  }

  get origin(): string {
    return new URL(this.#server.url).origin;
  }

  /** Orders saved so far; survives the page. */
  get position(): number {
    return this.#position;
  }

  get deadLetters(): number {
    return this.#state?.deadLetters ?? 0;
  }

  /** Whether everything is taken, saved and answered by the gateway. */
  get isDone(): boolean {
    return this.#position === this.total && this.#state?.pending === 0;
  }

  /** Lets the rep take orders up to `place`, without waiting for it. */
  allow(place: number): void {
    this.#server.allow(Math.min(place, this.total));
  }

  /** Resolves when that many orders are saved. */
  async reach(place: number): Promise<void> {
    const goal = Math.min(place, this.total);
    this.allow(goal);
    while (this.#position < goal) {
      const before = this.#position;
      await until(() => this.#position > before, {
        withinMs: stuckAfterMs,
        what: `it saves order ${before + 1}; ${this.describe()}`,
      });
    }
  }

  /** What its page said does not hold any more. */
  forgetPage(): void {
    this.#state = undefined;
  }

  hear(state: TabletState): void {
    this.#state = state;
    this.#position = Math.max(this.#position, state.position);
  }

  async dispose(): Promise<void> {
    await this.browser.dispose();
    await this.#server.close();
    await this.proxy.close();
  }

  /** For a finding. */
  describe(): string {
    const { counters } = this.proxy;
    const line = `${this.proxy.openConnections()} of ${counters.connections} connections open, ${this.proxy.mode.kind}`;
    const page = this.#state === undefined ? 'no page' : JSON.stringify(this.#state);
    return `${this.name} at order ${this.#position} of ${this.total}, ${line}, ${page}`;
  }
}
