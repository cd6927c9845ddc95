import { setTimeout as pause } from 'node:timers/promises';
import type { Rng } from '@fieldpost/protocol';
import { JumpingClock } from '../../support/clock-jump/jumping-clock.ts';
import { GatewayProcess } from '../../support/gateway-process.ts';
import { PowerLossDisk } from '../../support/power-loss/power-loss-disk.ts';
import { until } from '../../support/until.ts';
import { FleetBook } from './fleet-book.ts';
import { FleetDevice, QUEUE } from './fleet-device.ts';
import { FleetOffice } from './fleet-office.ts';

const DEVICES = 6;
/** With all faults off, everything has to flow within this. Generous: two cores may be shared by others. */
const DRAINED_WITHIN_MS = 120_000;
const WORKING_WITHIN_MS = 60_000;

/** A real gateway process on a disk whose power can be cut and with a clock that can jump, its devices and its office. */
export class Fleet {
  readonly rng: Rng;
  readonly disk = new PowerLossDisk();
  readonly clock = new JumpingClock();
  readonly book = new FleetBook();
  readonly devices: FleetDevice[] = [];
  readonly gateway: GatewayProcess;
  /** While a file of this name exists, the gateway's disk is full. */
  readonly fullFlag = `${this.disk.folder}-is-full`;
  readonly #variables: Record<string, string> = {};
  #office: FleetOffice | undefined;

  private constructor(rng: Rng) {
    this.rng = rng;
    for (const [name, value] of Object.entries(this.disk.environment({ fullFlag: this.fullFlag }))) {
      if (value !== undefined && process.env[name] !== value) this.#variables[name] = value;
    }
    Object.assign(this.#variables, this.clock.variables);
    this.#variables['LD_PRELOAD'] = `${this.#variables['LD_PRELOAD'] ?? ''}:${this.clock.library}`;
    this.gateway = new GatewayProcess({ dataDir: this.disk.folder, environment: this.#variables });
  }

  static async start(rng: Rng): Promise<Fleet> {
    const fleet = new Fleet(rng);
    try {
      await fleet.gateway.start();
      await createQueue(fleet.gateway);
      for (let index = 0; index < DEVICES; index++) await fleet.#addDevice(`device${index}`, index);
      fleet.#office = new FleetOffice({
        gateway: () => fleet.gateway.url,
        token: () => fleet.gateway.token(),
        book: fleet.book,
      });
      return fleet;
    } catch (error) {
      await fleet.dispose();
      throw error;
    }
  }

  /** Starts the load, and resolves at an instant of chance after it has got going. */
  async untilBusy(): Promise<void> {
    for (const device of this.devices) device.startLoad();
    const wanted = this.book.arrived + 1 + this.rng.below(120);
    await until(() => this.book.arrived >= wanted, {
      withinMs: WORKING_WITHIN_MS,
      what: this.#standing('it works'),
    });
    await pause(this.rng.next() * 20);
  }

  /** Lets the load go on under a fault for a moment of chance. */
  async workOn(atMostMs: number): Promise<void> {
    await pause(this.rng.next() * atMostMs);
  }

  /** Faults are off: ends the load, waits until everything has arrived, and compares. */
  async drainAndCheck(): Promise<readonly string[]> {
    await Promise.all(this.devices.map((device) => device.stopLoad()));
    // Half of the time somebody notices that the network is back; else the devices' own backoff has to do.
    if (this.rng.chance(0.5)) for (const device of this.devices) device.hint();
    await until(() => this.book.isComplete() && this.devices.every(({ pending }) => pending === 0), {
      withinMs: DRAINED_WITHIN_MS,
      what: 'everything arrives once the faults are off',
    }).catch((error: unknown) => {
      throw new Error(this.#standing('stuck'), { cause: error });
    });
    await this.untilEmpty();
    return this.book.check();
  }

  /** What was handed out is settled, too. */
  async untilEmpty(): Promise<void> {
    await until(async () => (await countsOf(this.gateway)) === 0, {
      withinMs: DRAINED_WITHIN_MS,
      what: 'the queue is empty',
    });
  }

  /** A fault of the disk that the next start of the gateway gets, and the ones after it do not. */
  async startWith(variables: Readonly<Record<string, string>>, failpoint?: string): Promise<void> {
    Object.assign(this.#variables, variables);
    try {
      await this.gateway.start(failpoint);
    } finally {
      for (const name of Object.keys(variables)) Reflect.deleteProperty(this.#variables, name);
    }
  }

  async dispose(): Promise<void> {
    // The gateway first, so that nothing waits for it.
    await this.gateway.dispose();
    await Promise.all(this.devices.map((device) => device.dispose()));
    await this.#office?.close();
    this.clock.dispose();
    this.disk.dispose();
  }

  async #addDevice(name: string, index: number): Promise<void> {
    this.devices.push(
      await FleetDevice.start({
        name,
        rng: this.rng.fork(name),
        gatewayPort: () => this.gateway.port,
        token: () => this.gateway.token(),
        // One in three sits behind a network that breaks WebSockets.
        transport: index % 3 === 2 ? 'http' : 'socket',
        saved: (body) => this.book.saved(body),
      }),
    );
  }

  #standing(what: string): string {
    const { sent, arrived } = this.book;
    return [
      `${what}: ${arrived} of ${sent} arrived`,
      ...this.devices.map((device) => device.describe()),
    ].join('\n');
  }
}

async function createQueue(gateway: GatewayProcess): Promise<void> {
  const response = await call(gateway, 'PUT');
  if (!response.ok) throw new Error(await response.text());
}

async function countsOf(gateway: GatewayProcess): Promise<number> {
  const answer: unknown = await (await call(gateway, 'GET')).json();
  const count = (name: string): number => Number(Reflect.get(Object(answer), name));
  return count('ready') + count('leased') + count('delayed');
}

async function call(gateway: GatewayProcess, method: 'GET' | 'PUT'): Promise<Response> {
  return fetch(`${gateway.url}/v1/queues/${QUEUE}`, {
    method,
    headers: { authorization: `Bearer ${await gateway.token()}`, 'content-type': 'application/json' },
    ...(method === 'PUT' ? { body: '{}' } : {}),
  });
}
