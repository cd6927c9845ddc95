import { type DeviceId, type MessageId, type Rng } from '@fieldpost/protocol';
import { connect, type Delivery, type Fieldpost } from '@fieldpost/sdk';
import {
  type Clock,
  createHttpTransport,
  type LeaderLock,
  type Marker,
  type OutboxStore,
  type SignalBus,
  type Transport,
} from '@fieldpost/sdk/testing';
import { quickBytes } from '../gateway/sim-gateway.ts';
import { SimProcess } from '../time/sim-process.ts';
import type { Timeline } from '../time/timeline.ts';
import type { WallClock } from '../time/wall-clock.ts';

export interface TabOptions {
  readonly name: string;
  readonly rng: Rng;
  readonly timeline: Timeline;
  readonly wall: WallClock;
  readonly openStore: (process: SimProcess) => OutboxStore;
  readonly sockets: Transport;
  readonly fetch: typeof fetch;
  readonly usesSockets: boolean;
  /** Falling back to HTTP leads to sockets again: they meet faults that HTTP does not. */
  readonly keepsToSockets: boolean;
  /** Undefined: this tab has no signals. */
  readonly signals: SignalBus | undefined;
  readonly lock: LeaderLock;
  readonly marker: Marker;
  readonly token: () => string;
  readonly keepDeliveredMs: number;
}

/** The real SDK in a tab that can be frozen, thawed and killed at any moment. */
export class SimTab {
  readonly name: string;
  readonly process = new SimProcess();
  readonly post: Promise<Fieldpost>;
  readonly #options: TabOptions;
  readonly #hints = new Set<() => void>();

  constructor(options: TabOptions) {
    this.name = options.name;
    this.#options = options;
    const { signals, rng } = options;
    const entropy = rng.fork('entropy');
    this.post = connect({
      gateway: 'http://gateway.test',
      token: options.token,
      transport: options.usesSockets ? 'socket' : 'http',
      keepDelivered: { forMs: options.keepDeliveredMs, bytesMax: Number.POSITIVE_INFINITY },
      surroundings: {
        store: options.openStore(this.process),
        socket: this.#gateTransport(options.sockets),
        http: this.#gateTransport(
          options.keepsToSockets
            ? options.sockets
            : createHttpTransport({ fetch: options.fetch, clock: this.#clock() }),
        ),
        clock: this.#clock(),
        entropy: { bytes: (length) => quickBytes(entropy, length), jitter: () => entropy.next() },
        leaderLock: this.#gateLock(options.lock),
        marker: options.marker,
        hints: { subscribe: (hear) => this.#subscribe(hear) },
        ...(signals === undefined ? {} : { signals: this.#gateSignals(signals) }),
      },
    });
  }

  /** Sends, and resolves with the id once it is saved. */
  async send(
    queue: string,
    priority: number,
    body: unknown,
    id: string | undefined,
  ): Promise<{
    readonly id: MessageId;
    readonly delivered: Promise<Delivery>;
  }> {
    const post = await this.post;
    return post.queue(queue).send(body, { priority, ...(id === undefined ? {} : { id }) });
  }

  /** The network seems back, or the page is looked at again. */
  hint(): void {
    this.process.reach(() => {
      for (const hear of this.#hints) hear();
    });
  }

  #clock(): Clock {
    const { timeline, wall } = this.#options;
    return {
      wallMs: () => wall.now(),
      monotonicMs: () => timeline.nowMs,
      schedule: (delayMs, wake) => timeline.schedule(delayMs, () => this.process.reach(wake)),
    };
  }

  #subscribe(hear: () => void): () => void {
    this.#hints.add(hear);
    return () => this.#hints.delete(hear);
  }

  #gateTransport(transport: Transport): Transport {
    const { process } = this;
    return {
      connect: (request, listener) => {
        const connection = transport.connect(request, {
          opened: () => process.reach(() => listener.opened()),
          received: (frame) => process.reach(() => listener.received(frame)),
          closed: (reason) => process.reach(() => listener.closed(reason)),
        });
        // The system closes what a dead process had open.
        process.onDeath(() => connection.close());
        return connection;
      },
    };
  }

  #gateLock(lock: LeaderLock): LeaderLock {
    return {
      acquire: (name, listener) => {
        const release = lock.acquire(name, {
          held: () => this.process.reach(() => listener.held()),
          lost: () => this.process.reach(() => listener.lost()),
        });
        this.process.onDeath(release);
        return release;
      },
    };
  }

  #gateSignals(bus: SignalBus): ReturnType<SignalBus['join']> {
    const signals = bus.join();
    this.process.onDeath(() => signals.close());
    return {
      post: (message) => signals.post(message),
      subscribe: (hear) => signals.subscribe((message) => this.process.reach(() => hear(message))),
      close: () => signals.close(),
    };
  }
}

/** Local storage: a witness that survives the database. */
export class SimMarker implements Marker {
  #device: DeviceId | undefined;

  constructor(device?: DeviceId) {
    this.#device = device;
  }

  read(): DeviceId | undefined {
    return this.#device;
  }

  write(device: DeviceId): void {
    this.#device = device;
  }
}
