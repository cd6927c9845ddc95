import { setTimeout as pause } from 'node:timers/promises';
import type { Rng } from '@fieldpost/protocol';
import { connect, type Fieldpost } from '@fieldpost/sdk';
import { type Clock, createMemoryOutboxStore, MemoryDatabase } from '@fieldpost/sdk/testing';
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy.ts';
import { until } from '../../support/until.ts';

export const QUEUE = 'orders';

/** What a message of the fleet says: enough to know it again, and to see that nothing of it changed. */
export interface FleetBody {
  /** Device and life of the device: what keeps its order. */
  readonly lane: string;
  readonly key: string;
  /** Grows with each message of the device. */
  readonly number: number;
  readonly filler: string;
}

export interface FleetDeviceOptions {
  readonly name: string;
  readonly rng: Rng;
  readonly gatewayPort: () => number;
  readonly token: () => Promise<string>;
  readonly transport: 'socket' | 'http';
  /** Hears of each message once it is saved. */
  readonly saved: (body: FleetBody) => void;
  /** The longest pause between two bursts; 30 milliseconds by default. */
  readonly pauseMsMax?: number;
}

const BURST_MAX = 12;
const PAUSE_MS_MAX = 30;
const STOPS_WITHIN_MS = 100;
/** More than this and the load waits: a gateway that is down for long must not fill the memory. */
const PENDING_MAX = 400;
/** The device's time runs faster than ours, so that its backoff and its timeouts do not take most of a cycle. */
const TIME_FACTOR = 5;
const PRIORITIES = [3, 3, 3, 5] as const;

/** The real SDK over a memory database that outlives it, behind a TCP proxy of its own, with a clock that can jump. */
export class FleetDevice {
  readonly proxy: TcpProxy;
  database = new MemoryDatabase();
  /** Milliseconds by which its wall clock is wrong. */
  wallOffsetMs = 0;
  readonly #options: FleetDeviceOptions;
  readonly #hints = new Set<() => void>();
  #post: Fieldpost | undefined;
  #load: Promise<void> = Promise.resolve();
  #isLoading = false;
  #sent = 0;
  #life = 0;

  private constructor(options: FleetDeviceOptions, proxy: TcpProxy) {
    this.#options = options;
    this.proxy = proxy;
  }

  static async start(options: FleetDeviceOptions): Promise<FleetDevice> {
    const proxy = await startTcpProxy({ target: () => ({ host: '127.0.0.1', port: options.gatewayPort() }) });
    const device = new FleetDevice(options, proxy);
    await device.open();
    return device;
  }

  get pending(): number {
    return this.#post?.status.get().pending ?? 0;
  }

  /** For people, when it does not come to an end. */
  describe(): string {
    return `${this.#options.name}: ${JSON.stringify(this.#post?.status.get())}`;
  }

  async open(): Promise<void> {
    this.#life += 1;
    this.#post = await connect({
      gateway: `http://127.0.0.1:${this.proxy.port}`,
      token: this.#options.token,
      transport: this.#options.transport,
      surroundings: {
        store: createMemoryOutboxStore(this.database),
        clock: this.#clock(),
        hints: {
          subscribe: (hear) => {
            this.#hints.add(hear);
            return () => this.#hints.delete(hear);
          },
        },
      },
    });
  }

  async close(): Promise<void> {
    const post = this.#post;
    this.#post = undefined;
    await post?.close();
  }

  /** Closes and opens it on its database, or on another that takes its place. */
  async restart(database = this.database): Promise<void> {
    const wasLoading = this.#isLoading;
    await this.stopLoad();
    await this.close();
    this.database = database;
    await this.open();
    if (wasLoading) this.startLoad();
  }

  /** Another device that starts from a copy of this one's database, with lanes of its own. */
  async clone(name: string): Promise<FleetDevice> {
    const proxy = await startTcpProxy({
      target: () => ({ host: '127.0.0.1', port: this.#options.gatewayPort() }),
    });
    const copy = new FleetDevice({ ...this.#options, name, rng: this.#options.rng.fork(name) }, proxy);
    copy.database = this.database.copy();
    await copy.open();
    return copy;
  }

  startLoad(): void {
    if (this.#isLoading) return;
    this.#isLoading = true;
    this.#load = this.#keepSending();
  }

  async stopLoad(): Promise<void> {
    this.#isLoading = false;
    await this.#load;
  }

  /** The network seems to be back. */
  hint(): void {
    for (const hear of this.#hints) hear();
  }

  async dispose(): Promise<void> {
    await this.stopLoad();
    await this.close();
    await this.proxy.close();
  }

  async #keepSending(): Promise<void> {
    const { rng, pauseMsMax = PAUSE_MS_MAX } = this.#options;
    while (this.#isLoading) {
      const burst = 1 + rng.below(BURST_MAX);
      await Promise.all(Array.from({ length: burst }, () => this.#send()));
      await this.#pause(rng.below(pauseMsMax));
      if (this.pending > PENDING_MAX)
        await until(() => !this.#isLoading || this.pending < PENDING_MAX, { withinMs: 120_000 });
    }
  }

  /** Ends early when the load is to stop. */
  async #pause(milliseconds: number): Promise<void> {
    const endsAt = performance.now() + milliseconds;
    while (this.#isLoading && performance.now() < endsAt)
      await pause(Math.max(1, Math.min(STOPS_WITHIN_MS, endsAt - performance.now())));
  }

  async #send(): Promise<void> {
    const { name, rng, saved } = this.#options;
    const priority = rng.pick(PRIORITIES);
    const lane = `${name}.${this.#life}/${priority}`;
    const number = ++this.#sent;
    const key = `${lane}:${number}`;
    const body: FleetBody = { lane, key, number, filler: fillerOf(key) };
    await this.#post?.queue<FleetBody>(QUEUE).send(body, { priority });
    saved(body);
  }

  #clock(): Clock {
    return {
      wallMs: () => Date.now() + this.wallOffsetMs,
      monotonicMs: () => performance.now() * TIME_FACTOR,
      schedule: (delayMs, wake) => {
        const timer = setTimeout(wake, Math.min(delayMs / TIME_FACTOR, 2 ** 31 - 1));
        return () => clearTimeout(timer);
      },
    };
  }
}

/** Follows from the key, so that a body under another's key is noticed. */
function fillerOf(key: string): string {
  return `${key} `.repeat(1 + ((key.length * 7) % 23));
}
