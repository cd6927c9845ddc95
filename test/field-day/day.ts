import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createRng, type Rng } from '@fieldpost/protocol';
import { GatewayProcess } from '../support/gateway-process.ts';
import { QueueAtGateway } from '../support/queue-at-gateway.ts';
import type { FieldDayArguments } from './arguments.ts';
import { checkDay, type DayFindings } from './checks.ts';
import { ConsumerProcess } from './consumer/consumer-process.ts';
import { LedgerReader } from './consumer/ledger-reader.ts';
import { DayLog } from './day-log.ts';
import { drain } from './drain.ts';
import { FaultLog } from './faults.ts';
import { readGatewayTotals } from './gateway-totals.ts';
import { dealOrders, type OrderBook } from './order-book.ts';
import { drawPlan, type Plan, type TabletFault } from './plan.ts';
import { sabotageOrders } from './sabotage.ts';
import {
  failpointOf,
  killConsumer,
  killGateway,
  killGatewayBeforeAck,
  type KillSurroundings,
} from './server-kills.ts';
import { readSuperstore } from './superstore.ts';
import { bundleTabletPage } from './tablet/bundle-page.ts';
import { suffer } from './tablet/suffer.ts';
import { Tablet } from './tablet/tablet.ts';

const queueName = 'orders';
/** Short, so that tablets need a new one in mid-day. */
const tokenLastsMs = 15_000;
const burstMax = 12;

/** How far the day is, for the progress line. */
export interface DayProgress {
  readonly phase: 'starting' | 'the day' | 'draining' | 'checking';
  readonly saved: number;
  readonly booked: number;
  readonly orders: number;
  readonly faults: number;
}

export interface DayResult extends DayFindings {
  readonly faults: Readonly<Record<string, number>>;
  readonly bytes: number;
}

/** What runs during the day, outside of this process. */
interface Servers {
  readonly gateway: GatewayProcess;
  readonly consumer: ConsumerProcess;
  readonly queue: QueueAtGateway;
}

/** One field day, from starting everything to comparing the end with the file. */
export class FieldDay {
  readonly #arguments: FieldDayArguments;
  readonly #folder: string;
  readonly #rng: Rng;
  readonly #books: readonly OrderBook[];
  readonly #plan: Plan;
  readonly #log: DayLog;
  readonly #faults = new FaultLog();
  readonly #ledger: LedgerReader;
  readonly #tablets: Tablet[] = [];
  readonly #gateway: GatewayProcess;
  #consumer: ConsumerProcess | undefined;
  #phase: DayProgress['phase'] = 'starting';
  #isOver = false;

  /** @param folder for all data of the day */
  constructor(given: FieldDayArguments, folder: string) {
    this.#arguments = given;
    this.#folder = folder;
    this.#rng = createRng(given.seed);
    this.#books = dealOrders(readSuperstore().slice(0, given.orders), given.tablets, given.seed);
    this.#plan = drawPlan({
      level: given.faults,
      orders: this.#books.map(({ orders }) => orders.length),
      rng: this.#rng.fork('plan'),
    });
    for (const { kind } of [...this.#plan.tablets.flat(), ...this.#plan.servers]) this.#faults.plan(kind);
    this.#log = new DayLog(join(folder, 'day.log'));
    this.#ledger = new LedgerReader(join(folder, 'ledger.sqlite'));
    const dataDir = join(folder, 'gateway');
    mkdirSync(dataDir);
    // Its environment is read at each start: by then the tablets have their origins.
    const origins = (): string => this.#tablets.map(({ origin }) => origin).join(',');
    this.#gateway = new GatewayProcess({
      dataDir,
      mode: 'secret',
      ...failpointOf(this.#plan.servers),
      environment: {
        get FIELDPOST_ORIGINS() {
          return origins();
        },
      },
    });
  }

  progress(): DayProgress {
    return {
      phase: this.#phase,
      saved: this.#saved(),
      booked: this.#ledger.booked(),
      orders: this.#arguments.orders,
      faults: Object.values(this.#faults.tally()).reduce((sum, count) => sum + count, 0),
    };
  }

  async run(): Promise<DayResult> {
    await this.#prepareTablets();
    const servers = await this.#startServers();
    await Promise.all(this.#tablets.map((tablet) => tablet.browser.start()));
    this.#enter('the day');
    await this.#liveThrough(servers);
    this.#enter('draining');
    await drain(this.#tablets, servers.queue, { orders: this.#arguments.orders, log: this.#log });
    this.#enter('checking');
    const bytes = this.#tablets.reduce(
      (sum, { proxy: { counters } }) => sum + counters.bytesUp + counters.bytesDown,
      0,
    );
    await Promise.all(this.#tablets.map((tablet) => tablet.browser.kill()));
    await servers.consumer.stop();
    await servers.gateway.stop();
    this.#log.keep('gateway', servers.gateway.log);
    const findings = this.#check();
    const wrong = [...this.#log.findings(), ...missedFaults(this.#faults), ...findings.wrong];
    return { ...findings, wrong, faults: this.#faults.tally(), bytes };
  }

  /** Ends everything that runs, whatever it is doing. */
  async dispose(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#tablets.map((tablet) => tablet.dispose()));
    await this.#consumer?.dispose();
    await this.#gateway.dispose();
  }

  /** Kills what runs outside this process, for a process that is about to exit. */
  killNow(): void {
    for (const { browser } of this.#tablets) browser.killNow();
    this.#consumer?.killNow();
    if (this.#gateway.pid !== undefined) process.kill(this.#gateway.pid, 'SIGKILL');
  }

  async #prepareTablets(): Promise<void> {
    const scripts = await bundleTabletPage();
    for (const [index, book] of this.#books.entries()) {
      const grants = {
        subject: book.tablet,
        send: [queueName],
        receive: [],
        manage: [],
        expiresInMs: tokenLastsMs,
      };
      const tablet = await Tablet.prepare({
        name: book.tablet,
        orders: this.#ordersSentBy(book, index),
        queue: queueName,
        // One in four is in a place that breaks WebSockets.
        transport: index % 4 === 3 ? 'http' : 'socket',
        scripts,
        folder: this.#folder,
        gatewayPort: () => this.#gateway.port,
        token: () => this.#gateway.token(grants),
        burst: burstsOf(this.#rng.fork(`bursts-${index}`)),
        onError: (text) => this.#log.find(`an error on the page of ${book.tablet}: ${text}`),
      });
      this.#tablets.push(tablet);
    }
  }

  async #startServers(): Promise<Servers> {
    if (this.#isOver) throw new Error('the day is over');
    const gateway = this.#gateway;
    await gateway.start();
    const managing = await gateway.token({ subject: 'operator', send: [], receive: [], manage: [queueName] });
    const queue = new QueueAtGateway({ name: queueName, url: () => gateway.url, token: managing });
    await queue.create();
    const consumer = new ConsumerProcess({
      gateway: gateway.url,
      token: await gateway.token({ subject: 'office', send: [], receive: [queueName], manage: [] }),
      queue: queueName,
      ledger: join(this.#folder, 'ledger.sqlite'),
      log: join(this.#folder, 'consumer.log'),
      onSurprise: (reason) => this.#log.find(reason),
    });
    this.#consumer = consumer;
    return { gateway, consumer, queue };
  }

  /** A sabotaged day has its defect on the first tablet. */
  #ordersSentBy(book: OrderBook, index: number): OrderBook['orders'] {
    const { sabotage } = this.#arguments;
    if (sabotage === undefined || index > 0) return book.orders;
    return sabotageOrders(book.orders, sabotage, this.#rng.fork('sabotage'));
  }

  /** All tablets, the gateway and the consumer at once, each with its own faults. */
  async #liveThrough({ gateway, consumer }: Servers): Promise<void> {
    const lives = Promise.all(this.#tablets.map((tablet, index) => this.#live(tablet, index)));
    let areTabletsDone = false;
    const around = {
      faults: this.#faults,
      log: this.#log,
      isDayOver: () => this.#isOver || areTabletsDone,
    };
    await Promise.all([
      lives.then(() => (areTabletsDone = true)),
      this.#killGateway(gateway, around),
      killConsumer(consumer, this.#plan.servers, { ...around, ledger: this.#ledger }),
    ]);
  }

  async #live(tablet: Tablet, index: number): Promise<void> {
    try {
      for (const fault of this.#plan.tablets[index] ?? []) {
        await tablet.reach(fault.at);
        await this.#happen(tablet, fault);
      }
      await tablet.reach(tablet.total);
    } catch (error) {
      this.#log.find(String(error));
    }
  }

  /** A fault that meets nothing is a finding, and no reason to break off. */
  async #happen(tablet: Tablet, fault: TabletFault): Promise<void> {
    this.#log.note(`${fault.kind} begins; ${tablet.describe()}`);
    try {
      await suffer(tablet, fault);
      this.#faults.fired(fault.kind);
      this.#log.note(`${fault.kind} is over; ${tablet.describe()}`);
    } catch (error) {
      this.#log.find(`${fault.kind}: ${String(error)}; ${tablet.describe()}`);
      tablet.proxy.setMode({ kind: 'pass' });
    }
  }

  async #killGateway(gateway: GatewayProcess, around: KillSurroundings): Promise<void> {
    await killGatewayBeforeAck(gateway, this.#plan.servers, around);
    await killGateway(gateway, this.#plan.servers, { ...around, saved: () => this.#saved() });
  }

  #check(): DayFindings {
    return checkDay({
      books: this.#books,
      arrivals: this.#ledger.arrivals(),
      changedBetweenDeliveries: this.#ledger.changedBetweenDeliveries(),
      bookings: this.#ledger.sums(),
      gateway: readGatewayTotals(this.#gateway.dataDir, queueName),
    });
  }

  #enter(phase: DayProgress['phase']): void {
    this.#phase = phase;
    this.#log.note(phase);
  }

  #saved(): number {
    return this.#tablets.reduce((sum, { position }) => sum + position, 0);
  }
}

function missedFaults(faults: FaultLog): string[] {
  return faults
    .missed()
    .map(({ kind, planned, fired }) => `fault ${kind} fired ${fired} times of ${planned}`);
}

/** How many orders a rep takes at once: often one, now and then many. */
function burstsOf(rng: Rng): () => number {
  return () => (rng.chance(0.5) ? 1 : 1 + rng.below(burstMax));
}
