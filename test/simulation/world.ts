import { createRng, type MessageId, type Rng } from '@fieldpost/protocol';
import { MemoryDatabase } from '@fieldpost/sdk/testing';
import { SimConsumer } from './consumer/sim-consumer.ts';
import type { DiskImage, Durability } from './device/device-disk.ts';
import { type DeviceTraits, SimDevice } from './device/sim-device.ts';
import { FaultBook, NO_NOISE } from './faults/fault-book.ts';
import { FaultPlan } from './faults/fault-plan.ts';
import { Gateways } from './gateway/gateways.ts';
import { makeToken, QUEUES, TINY_BYTES } from './gateway/tokens.ts';
import { History, type SavedMessage } from './history.ts';
import { Line } from './network/line.ts';
import { createSimFetch } from './network/sim-fetch.ts';
import type { Swarm } from './swarm.ts';
import { Timeline } from './time/timeline.ts';
import { Trace } from './trace.ts';
import { Workload } from './workload.ts';

/** After the faults end, everything has arrived and is done with within this. */
export const LIVENESS_WITHIN_MS = 10 * 60_000;
/** So long an idle device without a socket may take to hear that the store went back. */
const HELLO_AGAIN_MS = 10 * 60_000;
/** Faults that still wait for their occasion get so much more time, and some help. */
const NUDGES_MAX = 60;
/** How often a tab looks into its store by itself, and a bit. */
const POLL_MS = 16_000;
const NUDGE_EVERY_MS = 6_000;

export interface WorldOptions {
  readonly seed: string;
  readonly swarm: Swarm;
  readonly keepsTrace: boolean;
  /** Disks that confirm what they have not written: what must be found. */
  readonly deviceDurability?: Durability;
}

/** Devices, gateways, consumers and everything that can go wrong between them, all of it decided by one seed. */
export class World {
  readonly timeline = new Timeline();
  readonly history = new History();
  readonly trace: Trace;
  readonly book: FaultBook;
  readonly gateways: Gateways;
  readonly devices: SimDevice[] = [];
  readonly consumers: SimConsumer[] = [];
  readonly plan: FaultPlan;
  readonly workload: Workload;
  readonly #options: WorldOptions;
  readonly #rng: Rng;
  readonly #deviceLines: Line[] = [];
  readonly #consumerLines: Line[] = [];
  readonly #ledgers = new Map<string, Set<MessageId>>();
  #clones = 0;

  constructor(options: WorldOptions) {
    const { seed, swarm, keepsTrace } = options;
    this.#options = options;
    this.#rng = createRng(seed);
    this.trace = new Trace({ keepsLines: keepsTrace });
    this.book = new FaultBook((kind) => this.trace.note(this.timeline.nowMs, 'fired', kind));
    this.gateways = new Gateways({
      seed,
      count: swarm.gateways,
      timeline: this.timeline,
      rng: this.#rng.fork('gateways'),
      history: this.history,
      book: this.book,
      trace: this.trace,
    });
    this.plan = new FaultPlan(this, this.#rng.fork('faults'));
    this.workload = new Workload(this, this.#rng.fork('workload'), swarm);
    for (let index = 0; index < swarm.devices; index++) this.#addDevice(`device ${index + 1}`, index);
  }

  get lines(): readonly Line[] {
    return [...this.#deviceLines, ...this.#consumerLines];
  }

  get consumerLines(): readonly Line[] {
    return this.#consumerLines;
  }

  /** Lets everything go wrong, for as long as the seed says and until every fault has happened. */
  async runFaults(): Promise<void> {
    const { swarm } = this.#options;
    await this.#createQueues();
    for (const device of this.devices) device.openTab();
    for (const queue of QUEUES)
      for (let index = 0; index < (isBusy(queue) ? swarm.consumersPerQueue : 1); index++)
        this.#addConsumer(queue, index);
    this.book.noise = swarm.noise;
    this.workload.begin();
    this.plan.begin(swarm.kinds, swarm.faults, Math.ceil(swarm.safetyMs * 0.9));
    await this.timeline.run(swarm.safetyMs);
    const isDone = (): boolean =>
      this.workload.saved >= swarm.messages && this.plan.open === 0 && this.book.waitingCount === 0;
    for (let nudge = 1; !isDone() && nudge <= NUDGES_MAX; nudge++) {
      this.#nudge(nudge % 3 === 0);
      await this.timeline.run(this.timeline.nowMs + NUDGE_EVERY_MS, isDone);
    }
  }

  /** Ends all faults, and waits until nothing is left to do. Resolves with whether that came about in time. */
  async drain(): Promise<boolean> {
    this.book.noise = NO_NOISE;
    this.workload.end();
    this.plan.end();
    this.gateways.heal();
    for (const line of this.lines) line.heal();
    for (const device of this.devices) device.heal();
    for (const consumer of this.consumers) consumer.process.thaw();
    const { backups } = this.history;
    const wentBack = backups.some(({ type }) => type === 'went-back');
    const endMs = this.timeline.nowMs + LIVENESS_WITHIN_MS + (wentBack ? HELLO_AGAIN_MS : 0);
    // A last fault may still be under way.
    do await this.timeline.run(this.timeline.nowMs + 500);
    while (!this.#isDrained() && this.timeline.nowMs < endMs);
    const isInTime = this.#isDrained();
    // Tabs without signals look into the store every quarter of a minute.
    await this.timeline.run(this.timeline.nowMs + POLL_MS);
    return isInTime;
  }

  /** What is left to do, for people. */
  describeRest(): string[] {
    const lines: string[] = [];
    for (const { name, disk, living } of this.devices) {
      const { settledUpTo, lastPosition, lease } = disk.database;
      if (settledUpTo < lastPosition)
        lines.push(
          `${name}: ${settledUpTo} of ${lastPosition} settled, ${living.length} tabs, lease of ${lease?.holder}`,
        );
    }
    const { messages } = this.gateways.store;
    if (messages > 0) lines.push(`${messages} messages in queues`);
    const forgotten = this.#findForgotten();
    if (forgotten.length > 0)
      lines.push(
        `${forgotten.length} messages that the store forgot and a device still has: ${forgotten[0]?.id}`,
      );
    return lines;
  }

  clone(device: SimDevice, image: DiskImage): void {
    this.#clones++;
    const clone = this.#addDevice(`${device.name} clone ${this.#clones}`, undefined, { of: device, image });
    device.wasTamperedWith = true;
    clone.wasTamperedWith = true;
    clone.openTab();
  }

  wipe(device: SimDevice): void {
    device.goBackTo({ database: new MemoryDatabase(), log: [] });
  }

  #isDrained(): boolean {
    if (this.gateways.store.messages > 0) return false;
    const isSettled = ({ disk: { database } }: SimDevice): boolean =>
      database.settledUpTo >= database.lastPosition;
    return this.devices.every(isSettled) && this.#findForgotten().length === 0;
  }

  #findForgotten(): SavedMessage[] {
    return this.history.findForgotten(this.devices.map(({ disk }) => disk.log));
  }

  /** Gives faults that wait for something rare their occasion. */
  #nudge(withReload: boolean): void {
    this.trace.note(this.timeline.nowMs, 'nudge');
    for (const line of this.lines) line.cutAll('nudged');
    // A tab that was driven to HTTP stays there for a while; a new one begins with a socket.
    for (const device of this.devices) if (withReload || device.living.length === 0) device.reload();
  }

  #addDevice(
    name: string,
    index: number | undefined,
    copied?: { readonly of: SimDevice; readonly image: DiskImage },
  ): SimDevice {
    const rng = this.#rng.fork(name);
    const line = this.#addLine(name, this.#deviceLines);
    const device = new SimDevice({
      name,
      traits: copied?.of.traits ?? this.#drawTraits(rng, index ?? 0),
      rng,
      line,
      network: this.gateways,
      timeline: this.timeline,
      book: this.book,
      history: this.history,
      trace: this.trace,
      gatewayNow: () => this.gateways.latestNow,
      ...(copied === undefined ? {} : { image: copied.image }),
    });
    this.devices.push(device);
    return device;
  }

  #drawTraits(rng: Rng, index: number): DeviceTraits {
    const { swarm, deviceDurability = 'strict' } = this.#options;
    // One at least: some faults happen to sockets only.
    const usesSockets = index === 0 || rng.chance(0.7);
    return {
      subject: rng.chance(0.25) ? `auditor-${index}` : `rep-${index}`,
      hasSignals: rng.chance(0.6),
      hasLock: rng.chance(0.7),
      usesSockets,
      keepsToSockets: usesSockets && rng.chance(0.5),
      durability: deviceDurability,
      keepDeliveredMs: swarm.keepDeliveredMs,
      tokenMs: swarm.tokenMs,
    };
  }

  #addConsumer(queue: string, index: number): void {
    const { swarm } = this.#options;
    const name = `consumer ${index + 1} of ${queue}`;
    const known = this.#consumerLines.find((line) => line.name === name);
    const ledger = this.#ledgers.get(queue) ?? new Set();
    this.#ledgers.set(queue, ledger);
    const consumer = new SimConsumer({
      name,
      subject: queue === 'private' ? 'archivist' : 'clerk',
      queue,
      leaseMs: swarm.leaseMs,
      concurrency: 1 + this.#rng.below(16),
      waitMs: swarm.waitMs,
      workMs: swarm.workMs,
      rng: this.#rng.fork(`${name} ${this.timeline.nowMs}`),
      line: known ?? this.#addLine(name, this.#consumerLines),
      network: this.gateways,
      timeline: this.timeline,
      book: this.book,
      history: this.history,
      trace: this.trace,
      ledger,
      gatewayNow: () => this.gateways.latestNow,
    });
    this.consumers.push(consumer);
    consumer.process.onDeath(() => {
      this.consumers.splice(this.consumers.indexOf(consumer), 1);
      this.trace.note(this.timeline.nowMs, 'consumer died', name);
      this.timeline.schedule(500 + this.#rng.below(8_000), () => this.#addConsumer(queue, index));
    });
  }

  #addLine(name: string, lines: Line[]): Line {
    const { latencyMaxMs } = this.#options.swarm;
    const line = new Line({
      name,
      rng: this.#rng.fork(`line of ${name}`),
      book: this.book,
      timeline: this.timeline,
      quality: { latencyMinMs: 1, latencyMaxMs },
    });
    lines.push(line);
    return line;
  }

  async #createQueues(): Promise<void> {
    const line = this.#addLine('operator', []);
    const send = createSimFetch(line, this.gateways);
    let created = 0;
    for (const name of QUEUES) {
      // What comes back does so at once and again and again: the checkers hold deliveries to the leases alone.
      const returning = { retryDelaysMs: [], maxDeliveries: 1_000_000 };
      const settings = name === 'tiny' ? { ...returning, maxBodyBytes: TINY_BYTES } : returning;
      send(`http://gateway.test/v1/queues/${name}`, {
        method: 'PUT',
        headers: {
          'content-type': 'application/json',
          authorization: `Bearer ${makeToken('operator', this.gateways.latestNow + 60_000)}`,
        },
        body: JSON.stringify(settings),
      }).then(
        (response) => (created += response.ok ? 1 : 0),
        () => undefined,
      );
    }
    await this.timeline.run(this.timeline.nowMs + 10_000, () => created === QUEUES.length);
    if (created < QUEUES.length) throw new Error(`only ${created} of ${QUEUES.length} queues were created`);
  }
}

function isBusy(queue: string): boolean {
  return queue === 'orders' || queue === 'visits';
}
