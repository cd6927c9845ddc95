import type { Rng } from '@fieldpost/protocol';
import type { FaultBook } from '../faults/fault-book.ts';
import type { History } from '../history.ts';
import type { Timeline } from '../time/timeline.ts';
import { WallClock } from '../time/wall-clock.ts';
import type { Trace } from '../trace.ts';
import { SimGateway } from './sim-gateway.ts';
import { SimStore } from './sim-store.ts';

/** One place where a gateway runs, start after start. */
interface Seat {
  readonly name: string;
  readonly clock: WallClock;
  starts: number;
  running: SimGateway | undefined;
}

/** All gateways, their store, and the one who starts them again. */
export class Gateways {
  readonly store: SimStore;
  readonly trace: Trace;
  readonly #timeline: Timeline;
  readonly #rng: Rng;
  readonly #history: History;
  readonly #book: FaultBook;
  readonly #seed: string;
  readonly #seats: Seat[];

  constructor(options: {
    readonly seed: string;
    readonly count: number;
    readonly timeline: Timeline;
    readonly rng: Rng;
    readonly history: History;
    readonly book: FaultBook;
    readonly trace: Trace;
  }) {
    this.#timeline = options.timeline;
    this.#rng = options.rng;
    this.#history = options.history;
    this.#book = options.book;
    this.#seed = options.seed;
    this.trace = options.trace;
    this.store = new SimStore(options);
    this.#seats = Array.from({ length: options.count }, (_, index) => ({
      name: `gateway ${index + 1}`,
      clock: new WallClock(options.timeline),
      starts: 0,
      running: undefined,
    }));
    this.startAll();
  }

  /** A gateway that takes connections, as a balancer would choose it. */
  pickGateway(): SimGateway | undefined {
    const running = this.running;
    return running.length === 0 ? undefined : this.#rng.pick(running);
  }

  get running(): readonly SimGateway[] {
    return this.#seats.flatMap(({ running }) =>
      running === undefined || running.process.isDead ? [] : [running],
    );
  }

  get clocks(): readonly WallClock[] {
    return this.#seats.map(({ clock }) => clock);
  }

  /** The latest time that any gateway believes it is. */
  get latestNow(): number {
    return Math.max(...this.clocks.map((clock) => clock.now()));
  }

  startAll(): void {
    for (const seat of this.#seats) this.#start(seat);
  }

  /** Thaws and starts whatever is not running, and sets the clocks right. */
  heal(): void {
    this.store.heal();
    for (const clock of this.clocks) clock.correct();
    for (const gateway of this.running) gateway.process.thaw();
    this.startAll();
  }

  #start(seat: Seat): void {
    if (seat.running !== undefined && !seat.running.process.isDead) return;
    const gateway = new SimGateway({
      name: seat.name,
      seed: `${this.#seed}/${seat.name}/start ${++seat.starts}`,
      timeline: this.#timeline,
      clock: seat.clock,
      store: this.store,
      history: this.#history,
      book: this.#book,
      trace: this.trace,
    });
    seat.running = gateway;
    gateway.process.onDeath(() => {
      this.trace.note(this.#timeline.nowMs, 'gateway died', seat.name);
      this.#timeline.schedule(200 + this.#rng.below(8_000), () => this.#start(seat));
    });
  }
}
