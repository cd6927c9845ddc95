import { setTimeout as pause } from 'node:timers/promises';
import { createRng, type Rng } from '@fieldpost/protocol';
import { FleetBook } from '../chaos/fleet/fleet-book.ts';
import { FleetDevice, QUEUE } from '../chaos/fleet/fleet-device.ts';
import { FleetOffice } from '../chaos/fleet/fleet-office.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { until } from '../support/until.ts';
import { type Measure, measure, MEASURES, type Sample } from './measure.ts';
import { type Plant, plantLeak } from './plant-leak.ts';
import { SOAK_FAULTS, type SoakFault } from './soak-faults.ts';
import { type Trend, trendOf } from './trend.ts';

export interface SoakOptions {
  readonly minutes: number;
  readonly devices: number;
  readonly seed: string;
  /** A leak put there on purpose: the run has to notice. */
  readonly plant?: Plant;
  readonly say?: (line: string) => void;
}

export interface SoakResult {
  readonly samples: readonly Sample[];
  readonly trends: Readonly<Record<Measure, Trend>>;
  readonly messages: number;
  /** By kind. */
  readonly faults: Readonly<Record<string, number>>;
  /** What was wrong, in words. Empty when all is well. */
  readonly problems: readonly string[];
}

/** So many periods a run has, whatever its length: enough to tell a trend from noise. */
const PERIODS = 24;
/** With fewer, no trend can be told from chance, so a slow machine takes longer. */
const SAMPLES_MIN = 10;
/** Of a period, so much is load under faults; the rest is quiet. */
const LOADED = 0.6;
const DRAINED_WITHIN_MS = 180_000;
const STARTED_AT_ONCE = 20;

/** Periods of load under faults, each followed by quiet, at the end of which is measured what the gateway holds. */
export async function soak(options: SoakOptions): Promise<SoakResult> {
  const { minutes, say = () => undefined } = options;
  const rng = createRng(options.seed);
  const from = performance.now();
  const stage = await SoakStage.start(options.devices, rng);
  const samples: Sample[] = [];
  const problems: string[] = [];
  const faults: Record<string, number> = {};
  try {
    const periodMs = (minutes * 60_000) / PERIODS;
    while (performance.now() - from < minutes * 60_000 || samples.length < SAMPLES_MIN) {
      const endsAt = performance.now() + periodMs;
      const fault = rng.pick(SOAK_FAULTS);
      await stage.load(fault, periodMs * LOADED);
      faults[fault.name] = (faults[fault.name] ?? 0) + 1;
      problems.push(...(await stage.drainAndCheck()));
      if (options.plant !== undefined) await plantLeak(options.plant, stage.gateway, stage.token);
      await pause(Math.max(0, endsAt - performance.now()));
      const sample = await measure(stage.gateway, stage.token, (performance.now() - from) / 1000);
      samples.push(sample);
      say(`${fault.name.padEnd(18)} ${JSON.stringify(sample)}`);
    }
  } finally {
    await stage.stop();
  }
  const names = Object.keys(MEASURES) as Measure[];
  const trends = Object.fromEntries(
    names.map((name) => [
      name,
      trendOf(
        samples.map((sample) => sample[name]),
        allowedGrowth(name, options),
      ),
    ]),
  ) as Record<Measure, Trend>;
  for (const name of names) {
    const { isFlat, growth } = trends[name];
    if (!isFlat) problems.push(`${MEASURES[name].title} does not end flat: it grew by ${Math.round(growth)}`);
  }
  return { samples, trends, messages: stage.book.checked, faults, problems };
}

/**
 * What a short run may grow by beyond that: devices on plain HTTP keep connections for a minute after each change of their
 * line, and the store's page cache takes minutes to fill.
 */
function allowedGrowth(name: Measure, { devices, minutes }: SoakOptions): number {
  const { allowedGrowth: always } = MEASURES[name];
  if (minutes >= FILLED_AFTER_MINUTES) return always;
  if (name === 'handles') return always + devices / 3;
  return name === 'memoryBytes' ? always + PAGE_CACHE_BYTES : always;
}

const FILLED_AFTER_MINUTES = 10;
const PAGE_CACHE_BYTES = 64 * 1024 * 1024;

/** The parts of a soak while it runs. */
export class SoakStage {
  readonly gateway: GatewayProcess;
  readonly token: string;
  readonly devices: readonly FleetDevice[];
  readonly book: FleetBook;
  readonly rng: Rng;
  readonly #office: FleetOffice;

  private constructor(
    gateway: GatewayProcess,
    token: string,
    devices: readonly FleetDevice[],
    book: FleetBook,
    rng: Rng,
  ) {
    this.gateway = gateway;
    this.token = token;
    this.devices = devices;
    this.book = book;
    this.rng = rng;
    this.#office = new FleetOffice({ gateway: () => gateway.url, token: async () => token, book });
  }

  static async start(count: number, rng: Rng): Promise<SoakStage> {
    const gateway = await startGatewayProcess();
    const token = await gateway.token({ expiresInMs: 24 * 3_600_000 });
    const response = await fetch(`${gateway.url}/v1/queues/${QUEUE}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: '{}',
    });
    if (!response.ok) throw new Error(await response.text());
    const book = new FleetBook();
    const devices: FleetDevice[] = [];
    while (devices.length < count) {
      const wave = Array.from({ length: Math.min(STARTED_AT_ONCE, count - devices.length) }, (_, index) => {
        const name = `device${devices.length + index}`;
        return FleetDevice.start({
          name,
          rng: rng.fork(name),
          gatewayPort: () => gateway.port,
          token: async () => token,
          transport: index % 5 === 4 ? 'http' : 'socket',
          saved: (body) => book.saved(body),
          // Many devices, each with little to say.
          pauseMsMax: 20 * count,
        });
      });
      devices.push(...(await Promise.all(wave)));
    }
    return new SoakStage(gateway, token, devices, book, rng);
  }

  /** Load for a while, with a fault in its middle. */
  async load(fault: SoakFault, milliseconds: number): Promise<void> {
    for (const device of this.devices) device.startLoad();
    await pause(milliseconds * 0.3);
    await fault.cause(this);
    await pause(milliseconds * 0.4);
    for (const { proxy } of this.devices) proxy.setMode({ kind: 'pass' });
    await pause(milliseconds * 0.3);
  }

  async drainAndCheck(): Promise<readonly string[]> {
    await Promise.all(this.devices.map((device) => device.stopLoad()));
    for (const device of this.devices) device.hint();
    await until(() => this.book.isComplete() && this.devices.every(({ pending }) => pending === 0), {
      withinMs: DRAINED_WITHIN_MS,
      what: `everything arrives: ${this.book.arrived} of ${this.book.sent}`,
    });
    await until(async () => (await this.#waiting()) === 0, {
      withinMs: DRAINED_WITHIN_MS,
      what: 'what was handed out is settled',
    });
    return this.book.check();
  }

  /** Messages in the queue, in whatever state. */
  async #waiting(): Promise<number> {
    const headers = { authorization: `Bearer ${this.token}` };
    const queue: unknown = await (await fetch(`${this.gateway.url}/v1/queues/${QUEUE}`, { headers })).json();
    return ['ready', 'leased', 'delayed'].reduce(
      (sum, name) => sum + Number(Reflect.get(Object(queue), name)),
      0,
    );
  }

  async stop(): Promise<void> {
    await this.gateway.dispose();
    await Promise.all(this.devices.map((device) => device.dispose()));
    await this.#office.close();
  }
}
