import { type MessageId, type Rng, uuidFromBytes } from '@fieldpost/protocol';
import { type Delivery, FieldpostError } from '@fieldpost/sdk';
import type { SimDevice } from './device/sim-device.ts';
import type { SimTab } from './device/sim-tab.ts';
import { quickBytes } from './gateway/sim-gateway.ts';
import type { AppSend, Body } from './history.ts';
import type { Swarm } from './swarm.ts';
import type { World } from './world.ts';

/** Where messages go: some are refused by what they are, as an app's mistakes would be. */
const LANES = [
  { queue: 'orders', priority: 3 },
  { queue: 'orders', priority: 3 },
  { queue: 'orders', priority: 6 },
  { queue: 'visits', priority: 3 },
  { queue: 'notes', priority: 0 },
  { queue: 'tiny', priority: 3 },
  { queue: 'missing', priority: 3 },
  { queue: 'private', priority: 5 },
] as const;

const RUSH_CHANCE = 0.3;
const RUSH_BURSTS = 6;
const RUSH_MS = 1_000;
const IDLE_EVERY_MS = 3_000;

/** What the people do: they send, open tabs, look at pages again, and somebody makes images of their disks. */
export class Workload {
  readonly #world: World;
  readonly #rng: Rng;
  readonly #swarm: Swarm;
  #keys = 0;
  #saved = 0;
  #failed = 0;
  #isOver = false;

  constructor(world: World, rng: Rng, swarm: Swarm) {
    this.#world = world;
    this.#rng = rng;
    this.#swarm = swarm;
  }

  /** Messages whose `send()` was fulfilled. */
  get saved(): number {
    return this.#saved;
  }

  /** Messages that are saved or on their way there. */
  get #underWay(): number {
    return this.#keys - this.#failed;
  }

  begin(): void {
    const { messages, burstMax, safetyMs } = this.#swarm;
    const bursts = messages / ((burstMax + 1) / 2) / (1 + RUSH_CHANCE * (RUSH_BURSTS - 1));
    this.#actAgain(Math.ceil((safetyMs * 0.7) / bursts), burstMax);
  }

  end(): void {
    this.#isOver = true;
  }

  #actAgain(everyMs: number, burstMax: number): void {
    this.#world.timeline.schedule(this.#rng.below(2 * everyMs) + 1, () => {
      if (this.#isOver) return;
      this.#act(burstMax);
      // Faults that still wait for their occasion need some messages, but not many.
      if (this.#underWay < this.#swarm.messages) this.#actAgain(everyMs, burstMax);
      else this.#actAgain(Math.max(everyMs, IDLE_EVERY_MS), 2);
    });
  }

  #act(burstMax: number): void {
    const device = this.#rng.pick(this.#world.devices);
    const roll = this.#rng.below(100);
    if (roll < 8 && device.living.length < this.#swarm.tabsMax) device.openTab();
    else if (roll < 12 && device.running.length > 1) this.#close(device);
    else if (roll < 18 && device.images.length < 4) device.images.push(device.disk.image());
    else if (roll < 26) for (const tab of device.running) tab.hint();
    this.#burst(device, burstMax);
    // Somebody in a hurry: what follows sets out before what went first is answered.
    if (!this.#rng.chance(RUSH_CHANCE) || this.#underWay >= this.#swarm.messages) return;
    for (let burst = 1; burst < RUSH_BURSTS; burst++) {
      this.#world.timeline.schedule(this.#rng.below(RUSH_MS), () => this.#burst(device, burstMax));
    }
  }

  #close(device: SimDevice): void {
    const tab = this.#rng.pick(device.running);
    tab.post
      .then((post) => post.close())
      .then(
        () => tab.process.kill(),
        () => tab.process.kill(),
      );
  }

  #burst(device: SimDevice, burstMax: number): void {
    if (this.#isOver) return;
    const [tab] = device.running.length === 0 ? [] : [this.#rng.pick(device.running)];
    if (tab === undefined) {
      if (device.living.length === 0) device.openTab();
      return;
    }
    const count = 1 + this.#rng.below(burstMax);
    for (let index = 0; index < count; index++) this.#send(device, tab, this.#draw(device));
  }

  #draw(device: SimDevice): AppSend {
    const lane = this.#rng.pick(LANES);
    const key = ++this.#keys;
    const filling = this.#rng.below(this.#swarm.bodyMax);
    const body: Body = {
      key,
      device: device.name,
      amount: this.#rng.below(10_000),
      text: 'x'.repeat(filling),
    };
    const supplied = this.#rng.chance(0.15) ? (uuidFromBytes(idBytes(this.#rng)) as MessageId) : undefined;
    const send: AppSend = {
      key,
      device: device.name,
      queue: lane.queue,
      priority: lane.priority,
      body,
      supplied,
      outcome: 'running',
      id: undefined,
    };
    this.#world.history.sends.set(key, send);
    return send;
  }

  #send(device: SimDevice, tab: SimTab, send: AppSend): void {
    if (send.outcome !== 'running') this.#failed--;
    send.outcome = 'running';
    const forget = tab.process.onDeath(() => {
      send.outcome = 'unknown';
      this.#failed++;
      this.#sendAgain(device, send);
    });
    tab
      .send(send.queue, send.priority, send.body, send.supplied)
      .finally(forget)
      .then(
        ({ id, delivered }) => this.#isSaved(tab, send, id, delivered),
        (error: unknown) => this.#hasFailed(device, send, error),
      );
  }

  #isSaved(tab: SimTab, send: AppSend, id: MessageId, delivered: Promise<Delivery>): void {
    this.#saved++;
    send.outcome = 'saved';
    send.id = id;
    this.#world.trace.note(this.#world.timeline.nowMs, 'saved', send.key, id);
    delivered.then(
      (delivery) => this.#world.history.hear(id, tab.name, delivery),
      (error: unknown) => this.#world.history.scandals.push({ checker: 'faultless', detail: String(error) }),
    );
  }

  #hasFailed(device: SimDevice, send: AppSend, error: unknown): void {
    const isUnknown = error instanceof FieldpostError && error.outcome === 'unknown';
    send.outcome = isUnknown ? 'unknown' : 'failed';
    this.#failed++;
    const code = error instanceof FieldpostError ? error.code : String(error);
    this.#world.trace.note(this.#world.timeline.nowMs, 'send failed', send.key, send.outcome, code);
    this.#sendAgain(device, send);
  }

  /** An app that gave an id of its own may send again until it hears that the message is saved. */
  #sendAgain(device: SimDevice, send: AppSend): void {
    if (send.supplied === undefined) return;
    this.#world.timeline.schedule(500 + this.#rng.below(5_000), () => {
      // What a changed disk or clock makes it forget, it could only save twice.
      if (this.#isOver || device.wasTamperedWith) return;
      const tab = device.running[0];
      if (tab === undefined) this.#sendAgain(device, send);
      else this.#send(device, tab, send);
    });
  }
}

function idBytes(rng: Rng): Uint8Array {
  const bytes = quickBytes(rng, 16);
  bytes[6] = 0x40 | ((bytes[6] ?? 0) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  return bytes;
}
