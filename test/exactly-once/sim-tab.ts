import { connect, type Delivery, type Fieldpost } from '@fieldpost/sdk';
import {
  type Clock,
  createMemoryOutboxStore,
  createSeededEntropy,
  type LeaderLock,
  type ManualClock,
  type MemoryDatabase,
  type OutboxStore,
  type SignalBus,
  type Transport,
} from '@fieldpost/sdk/testing';

/** What the world does to a save that is under way. */
export type SaveFate = 'normal' | 'die-before' | 'die-after' | 'abort';

export interface TabOptions {
  readonly name: string;
  readonly seed: string;
  readonly clock: ManualClock;
  readonly database: MemoryDatabase;
  readonly socket: Transport;
  /** Undefined: this tab may use sockets. */
  readonly http: Transport | undefined;
  /** Undefined: this tab has no signals. */
  readonly signals: SignalBus | undefined;
  readonly lock: LeaderLock;
  readonly saveFate: () => SaveFate;
}

/** The real SDK in a tab that can be frozen, thawed and killed at any moment. */
export class SimTab {
  readonly name: string;
  readonly post: Promise<Fieldpost>;
  /** By message id: what the SDK said of messages that it saved in this tab. */
  readonly fates = new Map<string, Delivery | undefined>();
  /** Sends that failed, and so must not be in the log. */
  failed = 0;
  isDead = false;
  #isFrozen = false;
  readonly #backlog: (() => void)[] = [];

  constructor(options: TabOptions) {
    this.name = options.name;
    const store = this.#gateStore(createMemoryOutboxStore(options.database), options.saveFate);
    this.post = connect({
      gateway: 'http://gateway.test',
      token: () => 'token',
      transport: options.http === undefined ? 'socket' : 'http',
      keepDelivered: { forMs: Number.POSITIVE_INFINITY, bytesMax: Number.POSITIVE_INFINITY },
      surroundings: {
        store,
        socket: this.#gateTransport(options.socket),
        http: this.#gateTransport(options.http ?? options.socket),
        clock: this.#gateClock(options.clock),
        entropy: createSeededEntropy(options.seed),
        leaderLock: this.#gateLock(options.lock),
        hints: { subscribe: () => () => undefined },
        ...(options.signals === undefined ? {} : { signals: this.#gateSignals(options.signals) }),
      },
    });
  }

  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  /** Sends, and remembers what it hears. */
  async send(queue: string, priority: number, body: unknown): Promise<void> {
    const post = await this.post;
    try {
      const sent = await post.queue(queue).send(body, { priority });
      this.fates.set(sent.id, undefined);
      this.fates.set(sent.id, await sent.delivered);
    } catch {
      this.failed++;
    }
  }

  freeze(): void {
    this.#isFrozen = true;
  }

  thaw(): void {
    this.#isFrozen = false;
    for (const late of this.#backlog.splice(0)) this.#gate(late);
  }

  /** Nothing runs in it any more, nothing it began goes on. */
  kill(): void {
    this.isDead = true;
    this.#backlog.length = 0;
    this.#release?.();
  }

  #release: (() => void) | undefined;

  #gate(run: () => void): void {
    if (this.isDead) return;
    if (this.#isFrozen) this.#backlog.push(run);
    else run();
  }

  /** The result reaches the tab only while it lives and runs. */
  #gated<Result>(begin: () => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.isDead) return;
      begin().then(
        (result) => this.#gate(() => resolve(result)),
        (error: unknown) =>
          this.#gate(() => reject(error instanceof Error ? error : new Error(String(error)))),
      );
    });
  }

  #gateStore(store: OutboxStore, saveFate: () => SaveFate): OutboxStore {
    return {
      open: (request) => this.#gated(() => store.open(request)),
      save: (epoch, decide) =>
        this.#gated(async () => {
          const fate = saveFate();
          if (fate === 'die-before') {
            this.kill();
            return new Promise(() => undefined);
          }
          if (fate === 'abort') throw new Error('the transaction was aborted');
          const saved = await store.save(epoch, decide);
          if (fate === 'die-after') this.kill();
          return saved;
        }),
      readLog: () => this.#gated(() => store.readLog()),
      loadSegments: (request) => this.#gated(() => store.loadSegments(request)),
      listSegments: (request) => this.#gated(() => store.listSegments(request)),
      settle: (holder, settlement) => this.#gated(() => store.settle(holder, settlement)),
      offer: (holder, offering) => this.#gated(() => store.offer(holder, offering)),
      cancel: (place) => this.#gated(() => store.cancel(place)),
      listFates: (ranges) => this.#gated(() => store.listFates(ranges)),
      reopen: (holder, reopening) => this.#gated(() => store.reopen(holder, reopening)),
      renewDevice: (request) => this.#gated(() => store.renewDevice(request)),
      trim: (request) => this.#gated(() => store.trim(request)),
      lease: (request) => this.#gated(() => store.lease(request)),
      find: (id) => this.#gated(() => store.find(id)),
      listDeadLetters: () => this.#gated(() => store.listDeadLetters()),
      discardDeadLetter: (id) => this.#gated(() => store.discardDeadLetter(id)),
      close: () => this.#gated(() => store.close()),
    };
  }

  #gateTransport(transport: Transport): Transport {
    return {
      connect: (request, listener) => {
        const connection = transport.connect(request, {
          opened: () => this.#gate(() => listener.opened()),
          received: (frame) => this.#gate(() => listener.received(frame)),
          closed: (reason) => this.#gate(() => listener.closed(reason)),
        });
        return {
          send: (frames) => (this.isDead ? undefined : connection.send(frames)),
          setToken: () => undefined,
          close: () => connection.close(),
        };
      },
    };
  }

  #gateClock(clock: ManualClock): Clock {
    return {
      wallMs: () => clock.wallMs(),
      monotonicMs: () => clock.monotonicMs(),
      schedule: (delayMs, wake) => clock.schedule(delayMs, () => this.#gate(wake)),
    };
  }

  #gateLock(lock: LeaderLock): LeaderLock {
    return {
      acquire: (name, listener) => {
        this.#release = lock.acquire(name, {
          held: () => this.#gate(() => listener.held()),
          lost: () => this.#gate(() => listener.lost()),
        });
        return this.#release;
      },
    };
  }

  #gateSignals(bus: SignalBus): ReturnType<SignalBus['join']> {
    const signals = bus.join();
    return {
      post: (message) => (this.isDead ? undefined : signals.post(message)),
      subscribe: (hear) => signals.subscribe((message) => this.#gate(() => hear(message))),
      close: () => signals.close(),
    };
  }
}
