import { createRng, type Rng } from '@fieldpost/protocol';
import {
  createHttpTransport,
  ManualClock,
  MemoryDatabase,
  type MemoryFault,
  SignalBus,
} from '@fieldpost/sdk/testing';
import { LOCK_OF_EVERYBODY, SimLock } from '../simulation/device/sim-lock.ts';
import { type Faults, NO_FAULTS, SimGateway } from './sim-gateway.ts';
import { type SaveFate, SimTab } from './sim-tab.ts';
import { judgeArrivals, judgeDevice, savedMessages } from './verdict.ts';

/** The lanes that devices send in; messages to `missing` are refused, some to `tiny` are. */
const LANES = [
  { queue: 'orders', priority: 3 },
  { queue: 'orders', priority: 6 },
  { queue: 'visits', priority: 3 },
  { queue: 'tiny', priority: 3 },
  { queue: 'missing', priority: 3 },
] as const;
const YEAR_MS = 365 * 24 * 3_600_000;
/** After the faults end, everything has arrived within this. */
const DRAIN_WITHIN_MS = 20 * 60_000;

/** One device: a database, and the tabs that are open on it. */
interface SimDevice {
  readonly name: string;
  database: MemoryDatabase;
  readonly lock: SimLock;
  readonly signals: SignalBus | undefined;
  readonly isLocked: boolean;
  readonly usesHttp: boolean;
  /** By position: what segments held before they were damaged. */
  originals: Map<number, Uint8Array>;
  /** Copies of the database that somebody may restore. */
  readonly images: {
    readonly database: MemoryDatabase;
    readonly originals: ReadonlyMap<number, Uint8Array>;
  }[];
  readonly tabs: SimTab[];
  opened: number;
}

/** Devices, one gateway and everything that can go wrong between them, all of it decided by one seed. */
export class World {
  readonly clock = new ManualClock();
  readonly gateway: SimGateway;
  readonly devices: SimDevice[];
  readonly #rng: Rng;
  readonly #saves: Rng;
  readonly #upheavals: Rng | undefined;
  /** Ids of messages that devices lost when they were restored: delivered or not, both is right. */
  readonly #forgotten = new Set<string>();
  #savesMayFail = true;

  /** With upheavals, stores and devices are also restored from older copies, and devices cloned. */
  constructor(seed: string | number, hasUpheavals = false) {
    const rng = createRng(seed);
    this.#upheavals = hasUpheavals ? rng.fork('upheavals') : undefined;
    this.#rng = rng.fork('workload');
    this.#saves = rng.fork('saves');
    this.gateway = new SimGateway(this.clock, rng.fork('network'));
    this.gateway.faults = drawFaults(rng.fork('faults'));
    this.devices = Array.from({ length: 1 + rng.below(2) }, (_, index) => ({
      name: `${seed}/device ${index}`,
      database: new MemoryDatabase(),
      lock: new SimLock(),
      signals: rng.chance(0.6) ? new SignalBus() : undefined,
      isLocked: rng.chance(0.7),
      usesHttp: rng.chance(0.3),
      originals: new Map(),
      images: [],
      tabs: [],
      opened: 0,
    }));
  }

  /** Lets everything go wrong for a while. */
  async run(steps: number): Promise<void> {
    await this.gateway.createQueues();
    for (const { database } of this.devices) database.fault = (operation) => this.#storageFault(operation);
    for (const device of this.devices) this.#openTab(device);
    await settle();
    for (let step = 0; step < steps; step++) {
      this.#act();
      await this.#upheave();
      // Sometimes the next thing happens before the last one is through.
      if (this.#rng.chance(0.8)) await settle();
    }
  }

  /** Ends all faults, and waits until nothing is left to deliver. Returns the milliseconds that took. */
  async drain(): Promise<number> {
    this.gateway.faults = NO_FAULTS;
    this.#savesMayFail = false;
    this.gateway.start();
    for (const device of this.devices) {
      for (const tab of device.tabs) if (tab.isFrozen) tab.thaw();
      if (this.#living(device).length === 0) this.#openTab(device);
    }
    const from = this.clock.monotonicMs();
    await settle();
    while (!(await this.#isDrained())) {
      if (this.clock.monotonicMs() - from > DRAIN_WITHIN_MS)
        throw new Error(`not drained after ${DRAIN_WITHIN_MS} ms: ${await this.#describe()}`);
      this.clock.advance(Math.max(1, this.clock.nextInMs ?? 1000));
      await settle();
    }
    // Tabs without signals look into the store every quarter of a minute.
    for (let pause = 0; pause < 5; pause++) {
      this.clock.advance(4000);
      await settle();
    }
    return this.clock.monotonicMs() - from;
  }

  /** What is wrong, one line each; nothing when all is well. */
  async findWrongs(): Promise<string[]> {
    const wrongs: string[] = [];
    const arrived = await this.#arrived();
    const { streams } = this.gateway.disk;
    const wentBack = this.gateway.struck.has('gateway restored');
    const known = new Set<string>(this.#forgotten);
    for (const device of this.devices) {
      const { database, originals, name } = device;
      const heard = this.#living(device).flatMap((tab) => [...tab.fates]);
      const verdict = judgeDevice({ name, database, originals, arrived, heard, streams, wentBack });
      wrongs.push(...verdict.wrongs);
      for (const id of verdict.saved) known.add(id);
    }
    return [...wrongs, ...judgeArrivals(arrived, known)];
  }

  /** Something that devices and gateways cannot know of, and have to find out. */
  async #upheave(): Promise<void> {
    const rng = this.#upheavals;
    if (rng === undefined) return;
    const roll = rng.below(300);
    const device = rng.pick(this.devices);
    if (roll < 6) await this.gateway.keepImage();
    else if (roll < 10) this.gateway.goBack();
    else if (roll < 13) {
      device.images.push({ database: device.database.copy(), originals: new Map(device.originals) });
    } else if (roll < 15) this.#rollBack(device, rng);
    else if (roll < 17 && this.devices.length < 5) this.#clone(device, rng);
  }

  #rollBack(device: SimDevice, rng: Rng): void {
    if (device.images.length === 0) return;
    const { database, originals } = rng.pick(device.images);
    for (const tab of device.tabs) tab.kill();
    for (const { id } of savedMessages(device)) this.#forgotten.add(id);
    device.database = database.copy();
    device.database.fault = (operation) => this.#storageFault(operation);
    device.originals = new Map(originals);
    this.gateway.count('device restored');
    this.#openTab(device);
  }

  #clone(device: SimDevice, rng: Rng): void {
    const copy = rng.chance(0.5) ? undefined : device.images.at(-1);
    const { database, originals } = copy ?? device;
    const clone: SimDevice = {
      name: `${device.name}/clone ${this.devices.length}`,
      database: database.copy(),
      lock: new SimLock(),
      signals: rng.chance(0.6) ? new SignalBus() : undefined,
      isLocked: rng.chance(0.7),
      usesHttp: rng.chance(0.3),
      originals: new Map(originals),
      images: [],
      tabs: [],
      opened: 0,
    };
    clone.database.fault = (operation) => this.#storageFault(operation);
    this.devices.push(clone);
    this.gateway.count('cloned');
    this.#openTab(clone);
  }

  #act(): void {
    const device = this.#rng.pick(this.devices);
    const tabs = this.#living(device);
    const roll = this.#rng.below(100);
    if (roll < 40) this.#send(device);
    else if (roll < 70) this.clock.advance(this.#rng.below(400));
    else if (roll < 78) this.clock.advance(this.#rng.below(20_000));
    else if (roll < 82 && tabs.length < 3) this.#openTab(device);
    else if (roll < 86 && tabs.length > 1) this.#rng.pick(tabs).kill();
    else if (roll < 88) this.#reload(device);
    else if (roll < 91 && tabs.length > 0) this.#rng.pick(tabs).freeze();
    else if (roll < 95) for (const tab of tabs) tab.thaw();
    else if (roll < 96) this.gateway.cutAll();
    else if (roll < 97) this.#damage(device);
    else if (roll < 98) this.clock.jumpWall(this.#rng.below(2 * YEAR_MS) - YEAR_MS);
    else if (this.gateway.isUp) this.gateway.crash();
    else this.gateway.start();
  }

  /** Makes one of the stored segments unreadable, sent or not. */
  #damage({ database, originals }: SimDevice): void {
    // What one copy of a device skips as unreadable, another one can read: then there is no one right fate.
    if (this.gateway.struck.has('cloned') || this.gateway.struck.has('device restored')) return;
    const readable = [...database.segments.values()].filter(
      ({ key, messages }) => messages !== undefined && ['orders', 'visits'].includes(key.stream.queue),
    );
    if (readable.length === 0) return;
    const { key, messages } = this.#rng.pick(readable);
    if (messages === undefined) return;
    originals.set(key.position, messages);
    database.damage(key.position);
    this.gateway.count('damage');
  }

  /** Storage fails now and then, where an app can do nothing but try again. */
  #storageFault(operation: string): MemoryFault {
    const isShaky = ['settle', 'loadSegments', 'lease', 'listDeadLetters', 'trim'].includes(operation);
    if (!isShaky || !this.#savesMayFail || !this.#saves.chance(0.03)) return 'none';
    this.gateway.count(`${operation} failed`);
    return this.#saves.pick(['full', 'dead'] as const);
  }

  #send(device: SimDevice): void {
    const tabs = this.#living(device);
    const tab = tabs.length === 0 ? this.#openTab(device) : this.#rng.pick(tabs);
    const count = 1 + this.#rng.below(4);
    for (let index = 0; index < count; index++) {
      const lane = this.#rng.pick(LANES);
      const body = { text: 'x'.repeat(this.#rng.below(60)) };
      tab.send(lane.queue, lane.priority, body).catch(() => undefined);
    }
  }

  #openTab(device: SimDevice): SimTab {
    const name = `${device.name} tab ${++device.opened}`;
    const tab = new SimTab({
      name,
      seed: name,
      clock: this.clock,
      database: device.database,
      socket: this.gateway.transport(),
      http: device.usesHttp ? createHttpTransport({ fetch: this.gateway.fetch }) : undefined,
      signals: device.signals,
      lock: device.isLocked ? device.lock : LOCK_OF_EVERYBODY,
      saveFate: () => this.#saveFate(),
    });
    device.tabs.push(tab);
    return tab;
  }

  #reload(device: SimDevice): void {
    for (const tab of device.tabs) tab.kill();
    this.#openTab(device);
  }

  #saveFate(): SaveFate {
    if (!this.#savesMayFail || !this.#saves.chance(0.06)) return 'normal';
    const fate = this.#saves.pick(['die-before', 'die-after', 'abort'] as const);
    this.gateway.count(fate);
    return fate;
  }

  #living(device: SimDevice): SimTab[] {
    return device.tabs.filter((tab) => !tab.isDead);
  }

  async #isDrained(): Promise<boolean> {
    for (const device of this.devices) {
      const { settledUpTo, lastPosition, device: id } = device.database;
      if (settledUpTo < lastPosition) return false;
      // Who has not been heard of since the gateway went back may still have to send again.
      if (id !== undefined && !this.gateway.hasGreeted(id)) return false;
      for (const tab of this.#living(device)) if ((await tab.post).status.get().pending > 0) return false;
    }
    return true;
  }

  async #describe(): Promise<string> {
    const lines: string[] = [];
    for (const device of this.devices) {
      const { settledUpTo, lastPosition, lease } = device.database;
      lines.push(`${device.name}: settled ${settledUpTo} of ${lastPosition}, lease ${JSON.stringify(lease)}`);
      for (const tab of this.#living(device))
        lines.push(`  ${tab.name} ${JSON.stringify((await tab.post).status.get())}`);
    }
    return lines.join('\n');
  }

  /** By lane text: the ids of messages that came from devices, in queue order. */
  async #arrived(): Promise<Map<string, string[]>> {
    const arrived = new Map<string, string[]>();
    for (const queue of this.gateway.disk.queues.keys()) {
      for (const message of await this.gateway.messagesIn(queue)) {
        const lane = `${message.priority}${queue}`;
        const ids = arrived.get(lane) ?? [];
        arrived.set(lane, ids);
        ids.push(message.id);
      }
    }
    return arrived;
  }
}

/** Everything that runs without time passing. */
async function settle(): Promise<void> {
  // Reading a request's body takes turns of its own.
  for (let turn = 0; turn < 8; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** A run has some kinds of fault and not others, each as often as its seed says. */
function drawFaults(rng: Rng): Faults {
  const draw = (most: number): number => (rng.chance(0.5) ? 0 : rng.next() * most);
  return {
    drop: draw(0.08),
    duplicate: draw(0.1),
    reorder: draw(0.1),
    cut: draw(0.08),
    refuseConnection: draw(0.4),
  };
}
