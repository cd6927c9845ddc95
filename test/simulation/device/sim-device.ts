import type { Rng } from '@fieldpost/protocol';
import { SignalBus } from '@fieldpost/sdk/testing';
import type { FaultBook } from '../faults/fault-book.ts';
import { makeToken } from '../gateway/tokens.ts';
import type { History } from '../history.ts';
import type { Line } from '../network/line.ts';
import { createSimFetch } from '../network/sim-fetch.ts';
import { createSimSockets, type SocketWorld } from '../network/sim-socket.ts';
import type { Timeline } from '../time/timeline.ts';
import { WallClock } from '../time/wall-clock.ts';
import type { Trace } from '../trace.ts';
import { DeviceDisk, type DiskImage, type Durability } from './device-disk.ts';
import { LOCK_OF_EVERYBODY, SimLock } from './sim-lock.ts';
import { SimMarker, SimTab } from './sim-tab.ts';

/** How a device is made: drawn from the seed. */
export interface DeviceTraits {
  readonly subject: string;
  readonly hasSignals: boolean;
  readonly hasLock: boolean;
  readonly usesSockets: boolean;
  readonly keepsToSockets: boolean;
  readonly durability: Durability;
  readonly keepDeliveredMs: number;
  readonly tokenMs: number;
}

export interface SimDeviceOptions {
  readonly name: string;
  readonly traits: DeviceTraits;
  readonly rng: Rng;
  readonly line: Line;
  readonly network: SocketWorld;
  readonly timeline: Timeline;
  readonly book: FaultBook;
  readonly history: History;
  readonly trace: Trace;
  /** The gateways' time, which tokens are made by. */
  readonly gatewayNow: () => number;
  readonly image?: DiskImage;
}

/** A device: a disk, and the tabs that are open on it. */
export class SimDevice {
  readonly name: string;
  readonly traits: DeviceTraits;
  readonly line: Line;
  readonly wall: WallClock;
  readonly disk: DeviceDisk;
  readonly tabs: SimTab[] = [];
  /** Copies of the disk that somebody may restore. */
  readonly images: DiskImage[] = [];
  /** Its past was changed: what it knew of earlier sends it may have forgotten. */
  wasTamperedWith = false;
  readonly #options: SimDeviceOptions;
  #marker: SimMarker;
  #lock = new SimLock();
  #signals = new SignalBus();
  #opened = 0;

  constructor(options: SimDeviceOptions) {
    const { name, traits, timeline, rng, book, history, trace, image } = options;
    this.name = name;
    this.traits = traits;
    this.line = options.line;
    this.#options = options;
    this.wall = new WallClock(timeline);
    this.#marker = new SimMarker(image?.database.device);
    this.disk = new DeviceDisk({
      name,
      durability: traits.durability,
      timeline,
      rng: rng.fork('disk'),
      book,
      history,
      trace,
      ...(image === undefined ? {} : { image }),
    });
  }

  get living(): readonly SimTab[] {
    return this.tabs.filter(({ process }) => !process.isDead);
  }

  get running(): readonly SimTab[] {
    return this.tabs.filter(({ process }) => process.isRunning);
  }

  get trace(): Trace {
    return this.#options.trace;
  }

  openTab(): SimTab {
    const { traits, timeline, rng, network, trace } = this.#options;
    const name = `${this.name} tab ${++this.#opened}`;
    trace.note(timeline.nowMs, 'tab opened', name);
    const tab = new SimTab({
      name,
      rng: rng.fork(name),
      timeline,
      wall: this.wall,
      openStore: (process) => this.disk.open(process),
      sockets: createSimSockets(this.line, network),
      fetch: createSimFetch(this.line, network),
      usesSockets: traits.usesSockets,
      keepsToSockets: traits.keepsToSockets,
      signals: traits.hasSignals ? this.#signals : undefined,
      lock: traits.hasLock ? this.#lock : LOCK_OF_EVERYBODY,
      marker: this.#marker,
      token: () => this.#giveToken(),
      keepDeliveredMs: traits.keepDeliveredMs,
    });
    this.tabs.push(tab);
    // An app that cannot open its database says so, and somebody loads the page again.
    tab.post.catch(() => {
      tab.process.kill();
      this.#reopenLater();
    });
    return tab;
  }

  /** Everything that runs on it is gone. */
  killAll(): void {
    for (const tab of this.tabs) tab.process.kill();
    this.tabs.length = 0;
    this.#lock = new SimLock();
    this.#signals = new SignalBus();
  }

  /** Without power for a moment; then somebody opens the app again. */
  losePower(): void {
    this.disk.losePower();
    this.killAll();
    this.#reopenLater();
  }

  /** An older image of the disk takes the place of what is there; tabs are opened on that. */
  goBackTo(image: DiskImage): void {
    this.wasTamperedWith = true;
    this.killAll();
    this.disk.goBackTo(image);
    this.#reopenLater();
  }

  reload(): void {
    this.killAll();
    this.openTab();
  }

  /** All is well again. */
  heal(): void {
    this.line.heal();
    this.disk.heal();
    this.wall.correct();
    for (const tab of this.tabs) tab.process.thaw();
    if (this.living.length === 0) this.openTab();
  }

  #reopenLater(): void {
    const { timeline, rng } = this.#options;
    timeline.schedule(500 + rng.below(10_000), () => {
      if (this.living.length === 0) this.openTab();
    });
  }

  #giveToken(): string {
    const { book, name, gatewayNow } = this.#options;
    if (book.takes('token-not-given', name)) throw new Error('the sign-in page was closed');
    if (book.takes('token-expired', name)) return makeToken(this.traits.subject, gatewayNow() - 1);
    return makeToken(this.traits.subject, gatewayNow() + this.traits.tokenMs);
  }
}
