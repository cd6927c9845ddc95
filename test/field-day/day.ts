import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createRng, type Rng } from '@fieldpost/protocol';
import { GatewayProcess } from '../support/gateway-process.ts';
import { QueueAtGateway } from '../support/queue-at-gateway.ts';
import { until } from '../support/until.ts';
import type { FieldDayArguments } from './arguments.ts';
import { checkDay, type DayFindings } from './checks.ts';
import { ConsumerProcess } from './consumer/consumer-process.ts';
import { LedgerReader } from './consumer/ledger-reader.ts';
import { FaultLog } from './faults.ts';
import { readGatewayTotals } from './gateway-totals.ts';
import { dealOrders, type OrderBook } from './order-book.ts';
import { drawPlan, type Plan, type ServerFault, type TabletFault } from './plan.ts';
import { sabotageOrders } from './sabotage.ts';
import { readSuperstore } from './superstore.ts';
import { bundleTabletPage } from './tablet/bundle-page.ts';
import { suffer } from './tablet/suffer.ts';
import { Tablet } from './tablet/tablet.ts';

const queue = 'orders';
/** Short, so that tablets need a new one in mid-day. */
const tokenLastsMs = 15_000;
const burstMax = 12;
/** With the faults off, the day must come to its end within this time, and a little more for each order. */
const drainMs = 60_000;
const drainMsPerOrder = 20;

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

/** One field day, from starting everything to comparing the end with the file. */
export class FieldDay {
  readonly #arguments: FieldDayArguments;
  readonly #folder: string;
  readonly #rng: Rng;
  readonly #books: readonly OrderBook[];
  readonly #plan: Plan;
  readonly #faults = new FaultLog();
  readonly #ledger: LedgerReader;
  readonly #surprises: string[] = [];
  readonly #tablets: Tablet[] = [];
  #gateway: GatewayProcess | undefined;
  #consumer: ConsumerProcess | undefined;
  #phase: DayProgress['phase'] = 'starting';
  #isOver = false;
  readonly #startedAt = performance.now();

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
    this.#ledger = new LedgerReader(join(folder, 'ledger.sqlite'));
    for (const { kind } of [...this.#plan.tablets.flat(), ...this.#plan.servers]) this.#faults.plan(kind);
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
    const gateway = await this.#start();
    this.#enter('the day');
    await Promise.all([
      ...this.#tablets.map((tablet, index) => this.#liveThrough(tablet, index)),
      this.#killGateway(gateway),
      this.#killConsumer(),
    ]);
    this.#enter('draining');
    const undrained = await this.#drain(gateway);
    this.#enter('checking');
    const bytes = this.#tablets.reduce(
      (sum, { proxy }) => sum + proxy.counters.bytesUp + proxy.counters.bytesDown,
      0,
    );
    await Promise.all(this.#tablets.map((tablet) => tablet.browser.kill()));
    await this.#consumer?.stop();
    await gateway.stop();
    const findings = this.#check(gateway.dataDir);
    return {
      ...findings,
      wrong: [...undrained, ...this.#surprises, ...this.#missedFaults(), ...findings.wrong],
      faults: this.#faults.tally(),
      bytes,
    };
  }

  /** Ends everything that runs, whatever it is doing. */
  async dispose(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#tablets.map((tablet) => tablet.dispose()));
    await this.#consumer?.dispose();
    await this.#gateway?.dispose();
  }

  /** Kills what runs outside this process, for a process that is about to exit. */
  killNow(): void {
    for (const { browser } of this.#tablets) browser.killNow();
    this.#consumer?.killNow();
    if (this.#gateway?.pid !== undefined) process.kill(this.#gateway.pid, 'SIGKILL');
  }

  async #start(): Promise<GatewayProcess> {
    const script = await bundleTabletPage();
    const dataDir = join(this.#folder, 'gateway');
    mkdirSync(dataDir);
    const port = (): number => gateway.port;
    for (const [index, book] of this.#books.entries()) {
      const tablet = await Tablet.prepare({
        name: book.tablet,
        orders: this.#ordersSentBy(book, index),
        queue,
        script,
        folder: this.#folder,
        gatewayPort: port,
        token: () =>
          gateway.token({
            subject: book.tablet,
            send: [queue],
            receive: [],
            manage: [],
            expiresInMs: tokenLastsMs,
          }),
        burst: burstsOf(this.#rng.fork(`bursts-${index}`)),
        onError: (text) => this.#surprises.push(`an error on the page of ${book.tablet}: ${text}`),
      });
      this.#tablets.push(tablet);
    }
    const origins = this.#tablets.map(({ origin }) => origin).join(',');
    const gateway = new GatewayProcess({
      dataDir,
      mode: 'secret',
      environment: { FIELDPOST_ORIGINS: origins },
    });
    this.#gateway = gateway;
    await this.#startGateway(gateway);
    await (await this.#queueAt(gateway)).create();
    this.#consumer = new ConsumerProcess({
      gateway: gateway.url,
      token: await gateway.token({ subject: 'office', send: [], receive: [queue], manage: [] }),
      queue,
      ledger: join(this.#folder, 'ledger.sqlite'),
      log: join(this.#folder, 'consumer.log'),
      onSurprise: (reason) => this.#surprises.push(reason),
    });
    await Promise.all(this.#tablets.map((tablet) => tablet.browser.start()));
    return gateway;
  }

  async #startGateway(gateway: GatewayProcess): Promise<void> {
    if (this.#isOver) throw new Error('the day is over');
    await gateway.start();
  }

  /** A sabotaged day has its defect on the first tablet. */
  #ordersSentBy(book: OrderBook, index: number): OrderBook['orders'] {
    const { sabotage } = this.#arguments;
    if (sabotage === undefined || index > 0) return book.orders;
    return sabotageOrders(book.orders, sabotage, this.#rng.fork('sabotage'));
  }

  async #liveThrough(tablet: Tablet, index: number): Promise<void> {
    for (const fault of this.#plan.tablets[index] ?? []) {
      await tablet.reach(fault.at);
      await this.#happen(tablet, fault);
    }
    await tablet.reach(tablet.total);
  }

  /** A fault that meets nothing is a finding, and no reason to break off. */
  async #happen(tablet: Tablet, fault: TabletFault): Promise<void> {
    this.#note(`${tablet.name}: ${fault.kind} begins at order ${tablet.position}`);
    try {
      await suffer(tablet, fault);
      this.#faults.fired(fault.kind);
      this.#note(`${tablet.name}: ${fault.kind} is over at order ${tablet.position}`);
    } catch (error) {
      this.#surprises.push(`${fault.kind}: ${String(error)}; ${tablet.describe()}`);
      this.#note(`${tablet.name}: ${fault.kind} did not happen`);
      tablet.proxy.setMode({ kind: 'pass' });
    }
  }

  async #killGateway(gateway: GatewayProcess): Promise<void> {
    for (const { kind, at, downMs } of this.#serverFaults('gateway-kill')) {
      await this.#progressOf(() => this.#saved() >= at);
      this.#note('the gateway is killed');
      await gateway.kill9();
      await pause(downMs);
      await this.#startGateway(gateway);
      this.#note('the gateway is back');
      this.#faults.fired(kind);
    }
  }

  /** The consumer runs from here on. */
  async #killConsumer(): Promise<void> {
    for (const { kind, at, downMs } of this.#serverFaults('consumer-kill')) {
      this.#consumer?.start(Math.max(1, at - this.#ledger.booked()));
      await this.#consumer?.died();
      this.#note('the consumer is dead');
      this.#faults.fired(kind);
      await pause(downMs);
    }
    this.#consumer?.start();
  }

  #serverFaults(kind: ServerFault['kind']): readonly ServerFault[] {
    return this.#plan.servers.filter((fault) => fault.kind === kind);
  }

  /** Waits for a fact that any tablet's progress can bring about; a tablet that is stuck fails by itself. */
  async #progressOf(fact: () => boolean): Promise<void> {
    while (!fact() && !this.#isOver) await pause(5);
  }

  /** Faults off: everything must flow. What does not within the bound is a finding. */
  async #drain(gateway: GatewayProcess): Promise<string[]> {
    for (const tablet of this.#tablets) tablet.proxy.setMode({ kind: 'pass' });
    const withinMs = drainMs + drainMsPerOrder * this.#arguments.orders;
    const at = await this.#queueAt(gateway);
    try {
      await until(() => this.#tablets.every(({ isDone }) => isDone), {
        withinMs,
        what: 'all tablets have nothing pending',
      });
      await until(() => at.isEmpty(), { withinMs, what: 'the queue is empty' });
    } catch (error) {
      const states = this.#tablets.map((tablet) => tablet.describe());
      const counts = JSON.stringify(await at.counts());
      return [`not drained: ${String(error)}; queue ${counts}; ${states.join('; ')}`];
    }
    return this.#tablets
      .filter(({ deadLetters }) => deadLetters > 0)
      .map((tablet) => `messages were set aside: ${tablet.describe()}`);
  }

  #check(gatewayDataDir: string): DayFindings {
    return checkDay({
      books: this.#books,
      arrivals: this.#ledger.arrivals(),
      changedBetweenDeliveries: this.#ledger.changedBetweenDeliveries(),
      bookings: this.#ledger.sums(),
      gateway: readGatewayTotals(gatewayDataDir, queue),
    });
  }

  #missedFaults(): string[] {
    return this.#faults
      .missed()
      .map(({ kind, planned, fired }) => `fault ${kind} fired ${fired} times of ${planned}`);
  }

  async #queueAt(gateway: GatewayProcess): Promise<QueueAtGateway> {
    const token = await gateway.token({ subject: 'operator', send: [], receive: [], manage: [queue] });
    return new QueueAtGateway({ name: queue, url: () => gateway.url, token });
  }

  #enter(phase: DayProgress['phase']): void {
    this.#phase = phase;
    this.#note(phase);
  }

  /** For whoever has to find out what happened. */
  #note(event: string): void {
    const seconds = (performance.now() - this.#startedAt) / 1000;
    appendFileSync(join(this.#folder, 'day.log'), `${seconds.toFixed(3)} ${event}\n`);
  }

  #saved(): number {
    return this.#tablets.reduce((sum, { position }) => sum + position, 0);
  }
}

/** How many orders a rep takes at once: often one, now and then many. */
function burstsOf(rng: Rng): () => number {
  return () => (rng.chance(0.5) ? 1 : 1 + rng.below(burstMax));
}
