import {
  CelConditions,
  AjvBodySchemas,
  createCryptoDigest,
  createGateway,
  type FrameReceiver,
  type Gateway,
  type Principal,
} from '@fieldpost/gateway';
import {
  createMemoryDisk,
  type MemoryDisk,
  type MemoryStore,
  newQueueRow,
  openMemoryStore,
} from '@fieldpost/gateway/testing';
import { type DeviceId, type GenerationId, LIMITS, type Rng } from '@fieldpost/protocol';
import type {
  CloseReason,
  Connection,
  ManualClock,
  Transport,
  TransportListener,
} from '@fieldpost/sdk/testing';

type StoredMessage = Awaited<ReturnType<MemoryStore['peek']>>['messages'][number];

/** How often which fault strikes, from 0 to 1. All 0: a perfect network. */
export interface Faults {
  drop: number;
  duplicate: number;
  reorder: number;
  cut: number;
  refuseConnection: number;
}

export const NO_FAULTS: Faults = { drop: 0, duplicate: 0, reorder: 0, cut: 0, refuseConnection: 0 };

/** What the devices may do; `secret` is not among it. */
const GRANTS = { send: ['orders', 'visits', 'tiny', 'missing'], receive: [], manage: [] };
const TINY_BYTES = 40;
const LATENCY_MAX_MS = 80;

/** The real gateway on a memory disk, behind a network that loses, doubles, swaps and cuts. */
export class SimGateway {
  disk: MemoryDisk;
  /** Copies of the disk that somebody may restore. */
  readonly images: MemoryDisk[] = [];
  faults: Faults = NO_FAULTS;
  /** By kind: how often each fault struck. */
  readonly struck = new Map<string, number>();
  readonly #clock: ManualClock;
  readonly #rng: Rng;
  readonly #connections = new Set<SimConnection>();
  /** Since the store went back: the sessions that it knew then. */
  #restored: ReadonlyMap<DeviceId, number> | undefined;
  #store: MemoryStore | undefined;
  #gateway: Gateway | undefined;

  constructor(clock: ManualClock, rng: Rng) {
    this.#clock = clock;
    this.#rng = rng;
    this.disk = createMemoryDisk('8d1f6f0e-0000-4000-8000-000000000001' as GenerationId);
    this.start();
  }

  get isUp(): boolean {
    return this.#gateway !== undefined;
  }

  /** Creates the queues that devices send to; `missing` is never among them. */
  async createQueues(): Promise<void> {
    const createdAt = this.#clock.wallMs();
    const rows = [
      newQueueRow('orders', createdAt, { maxBodyBytes: LIMITS.bodyBytesMax }),
      newQueueRow('visits', createdAt, { maxBodyBytes: LIMITS.bodyBytesMax }),
      newQueueRow('tiny', createdAt, { maxBodyBytes: TINY_BYTES }),
    ];
    const changes = rows.map((row) => ({ type: 'put-queue', row }) as const);
    await this.#store?.transact({}, () => ({ changes, result: undefined }));
  }

  /** Everything in a queue, in queue order. */
  async messagesIn(queue: string): Promise<readonly StoredMessage[]> {
    const messages: StoredMessage[] = [];
    let cursor: string | undefined;
    do {
      const request = { queue, limit: 256, bodies: false, now: this.#clock.wallMs() };
      const page = await this.#store?.peek(cursor === undefined ? request : { ...request, cursor });
      messages.push(...(page?.messages ?? []));
      cursor = page?.cursor;
    } while (cursor !== undefined);
    return messages;
  }

  start(): void {
    if (this.#gateway !== undefined) return;
    const clock = this.#clock;
    const rng = this.#rng.fork(`start ${this.count('start')}`);
    this.#store = openMemoryStore(this.disk);
    this.#gateway = createGateway(
      {
        store: this.#store,
        clock: { now: () => clock.wallMs(), schedule: (delayMs, wake) => clock.schedule(delayMs, wake) },
        entropy: { bytes: (length) => rng.bytes(length) },
        digest: createCryptoDigest(),
        conditions: new CelConditions(),
        schemas: new AjvBodySchemas(),
        logger: SILENT,
        authenticator: { authenticate: async () => this.principal() },
      },
      // So few that devices hear of their refusals in several answers.
      { version: '0', origins: ['*'], fatesTold: 2, onStoreFailure: () => undefined },
    );
  }

  /** As `kill -9` would: what is under way writes nothing more, every connection is gone. */
  crash(): void {
    this.count('crash');
    this.#store?.kill();
    this.#store = undefined;
    this.#gateway = undefined;
    for (const connection of this.#connections) connection.cut('the gateway crashed');
  }

  /** Keeps a copy of the store: the file as it is, or a backup, which knows that it is one. */
  async keepImage(): Promise<void> {
    const file = `backup ${this.count('image')}`;
    if (this.#store !== undefined && this.#rng.chance(0.5)) {
      await this.#store.backup(file).catch(() => undefined);
      const backup = this.disk.files.get(file);
      if (backup !== undefined) this.images.push(copyOfDisk(backup));
    } else this.images.push(copyOfDisk(this.disk));
  }

  /** The gateway stops, and starts again on an older copy of its store. */
  goBack(): void {
    if (this.images.length === 0) return;
    const image = this.#rng.pick(this.images);
    if (this.isUp) this.crash();
    this.disk = copyOfDisk(image);
    this.#restored = new Map(
      [...this.disk.devices.values()].map(({ device, session }) => [device, session.number]),
    );
    this.count('gateway restored');
    this.start();
  }

  /** Whether this device has said hello since the store went back. */
  hasGreeted(device: DeviceId): boolean {
    if (this.#restored === undefined) return true;
    return (this.disk.devices.get(device)?.session.number ?? 0) > (this.#restored.get(device) ?? 0);
  }

  cutAll(): void {
    for (const connection of this.#connections) connection.cut('cut');
  }

  /** A transport to this gateway. */
  transport(): Transport {
    return {
      connect: (_, listener) => {
        const connection = new SimConnection(listener, this, this.#clock, this.#rng);
        this.#connections.add(connection);
        this.#clock.schedule(this.#rng.below(LATENCY_MAX_MS), () => {
          const isRefused = this.strikes('refuseConnection');
          if (isRefused || this.#gateway === undefined) connection.cut('no connection');
          else connection.open(this.#gateway);
        });
        return connection;
      },
    };
  }

  /**
   * `fetch` to this gateway. A request or its answer is lost with an error, as fetch says it: a device cannot know which
   * of the two it was.
   */
  readonly fetch: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    await this.#pass();
    if (this.strikes('cut') || this.strikes('drop') || this.strikes('refuseConnection'))
      throw new TypeError('lost');
    if (this.#gateway === undefined) throw new TypeError('no connection');
    const answering = this.#gateway.fetch(request.clone());
    if (this.strikes('duplicate')) await this.#gateway.fetch(request);
    const answer = await answering;
    await this.#pass();
    if (this.strikes('cut')) throw new TypeError('lost on the way back');
    return answer;
  };

  #pass(): Promise<void> {
    return new Promise((resolve) => this.#clock.schedule(this.#rng.below(LATENCY_MAX_MS), resolve));
  }

  forget(connection: SimConnection): void {
    this.#connections.delete(connection);
  }

  /** Whether a fault strikes now. */
  strikes(fault: keyof Faults): boolean {
    if (this.faults[fault] === 0 || !this.#rng.chance(this.faults[fault])) return false;
    this.count(fault);
    return true;
  }

  principal(): Principal {
    return { subject: 'rep', expiresAt: Number.MAX_SAFE_INTEGER, grants: GRANTS };
  }

  count(what: string): number {
    const count = (this.struck.get(what) ?? 0) + 1;
    this.struck.set(what, count);
    return count;
  }
}

class SimConnection implements Connection {
  readonly #listener: TransportListener;
  readonly #world: SimGateway;
  readonly #clock: ManualClock;
  readonly #rng: Rng;
  #receiver: FrameReceiver | undefined;
  #isOver = false;
  readonly #lastAt = { up: 0, down: 0 };

  constructor(listener: TransportListener, world: SimGateway, clock: ManualClock, rng: Rng) {
    this.#listener = listener;
    this.#world = world;
    this.#clock = clock;
    this.#rng = rng;
  }

  open(gateway: Gateway): void {
    if (this.#isOver) return;
    this.#receiver = gateway.accept(this.#world.principal(), {
      send: (frame) => this.#carry('down', () => this.#listener.received(frame)),
      disconnect: () => this.#carry('down', () => this.cut('disconnected by the gateway')),
    });
    this.#listener.opened();
  }

  send(frames: readonly Uint8Array[]): void {
    for (const frame of frames) this.#carry('up', () => this.#receiver?.received(frame));
  }

  setToken(): void {}

  close(): void {
    this.cut('closed by the device', 'closed-here');
  }

  cut(detail: string, code: CloseReason['code'] = 'lost'): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#world.forget(this);
    this.#receiver?.disconnected();
    this.#listener.closed({ code, detail });
  }

  #carry(direction: 'up' | 'down', deliver: () => void): void {
    if (this.#isOver) return;
    if (this.#world.strikes('cut')) {
      // Before the frame or after it: an ack lost in the cut, or a push.
      if (this.#rng.chance(0.5)) deliver();
      this.#clock.schedule(0, () => this.cut('cut'));
      return;
    }
    if (this.#world.strikes('drop')) return;
    const copies = this.#world.strikes('duplicate') ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const at = this.#clock.monotonicMs() + this.#rng.below(LATENCY_MAX_MS);
      const isEarly = this.#world.strikes('reorder');
      const arrivesAt = isEarly ? at : Math.max(at, this.#lastAt[direction]);
      this.#lastAt[direction] = Math.max(arrivesAt, this.#lastAt[direction]);
      this.#clock.schedule(arrivesAt - this.#clock.monotonicMs(), () => {
        if (!this.#isOver) deliver();
      });
    }
  }
}

function copyOfDisk(disk: MemoryDisk): MemoryDisk {
  return { ...structuredClone({ ...disk, files: new Map() }), inUse: false };
}

const SILENT = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
