import type { Rng } from '@fieldpost/protocol';
import type { FaultBook } from '../faults/fault-book.ts';
import type { Timeline } from '../time/timeline.ts';

export type Direction = 'up' | 'down';

/** How a line behaves when nothing is wrong with it. */
export interface LineQuality {
  readonly latencyMinMs: number;
  readonly latencyMaxMs: number;
}

/** The way of one machine to the gateways: how long things take on it, and what is wrong with it now. */
export class Line {
  readonly name: string;
  readonly rng: Rng;
  readonly book: FaultBook;
  readonly timeline: Timeline;
  #quality: LineQuality;
  #offlineUntilMs = 0;
  #slowUntilMs = 0;
  #slowByMs = 0;
  readonly #cloggedUntilMs = { up: 0, down: 0 };
  readonly #cuts = new Set<(detail: string) => void>();
  readonly #darkenings = new Set<() => void>();

  constructor(options: {
    readonly name: string;
    readonly rng: Rng;
    readonly book: FaultBook;
    readonly timeline: Timeline;
    readonly quality: LineQuality;
  }) {
    this.name = options.name;
    this.rng = options.rng;
    this.book = options.book;
    this.timeline = options.timeline;
    this.#quality = options.quality;
  }

  get isOffline(): boolean {
    return this.timeline.nowMs < this.#offlineUntilMs;
  }

  /** Whether something is open that could be cut. */
  get isInUse(): boolean {
    return this.#cuts.size > 0;
  }

  /** When something that sets out now arrives; not before `afterMs`, when the thing before it did. */
  arrivalMs(direction: Direction, afterMs: number): number {
    const { nowMs } = this.timeline;
    const slowMs = nowMs < this.#slowUntilMs ? this.#slowByMs : 0;
    const arrivesMs = nowMs + this.latencyMs() + slowMs;
    return Math.max(arrivesMs, afterMs, this.#cloggedUntilMs[direction]);
  }

  latencyMs(): number {
    const { latencyMinMs, latencyMaxMs } = this.#quality;
    return latencyMinMs + this.rng.below(latencyMaxMs - latencyMinMs + 1);
  }

  /** Whether a fault of this kind happens here now. */
  strikes(kind: Parameters<FaultBook['strikes']>[0]): boolean {
    return this.book.strikes(kind, this.name, this.rng);
  }

  /** Whether a fault happens here now that was asked for. */
  takes(kind: string): boolean {
    return this.book.takes(kind, this.name);
  }

  clog(directions: readonly Direction[], forMs: number): void {
    for (const direction of directions) this.#cloggedUntilMs[direction] = this.timeline.nowMs + forMs;
  }

  slowDown(byMs: number, forMs: number): void {
    this.#slowByMs = byMs;
    this.#slowUntilMs = this.timeline.nowMs + forMs;
  }

  /** Nothing gets through any more, and nobody is told. */
  goOffline(forMs: number): void {
    this.#offlineUntilMs = this.timeline.nowMs + forMs;
    this.darken();
  }

  /** Every open connection is ended, and this side is told at once. */
  cutAll(detail: string): void {
    for (const cut of this.#cuts) cut(detail);
  }

  /** Every open connection goes half-open: neither side hears anything more. */
  darken(): void {
    for (const darken of this.#darkenings) darken();
  }

  /** A connection is open; returns the way to sign it off. */
  opened(cut: (detail: string) => void, darken: () => void): () => void {
    this.#cuts.add(cut);
    this.#darkenings.add(darken);
    return () => {
      this.#cuts.delete(cut);
      this.#darkenings.delete(darken);
    };
  }

  /** Everything that was wrong with it is over. */
  heal(): void {
    this.#offlineUntilMs = 0;
    this.#slowUntilMs = 0;
    this.#cloggedUntilMs.up = 0;
    this.#cloggedUntilMs.down = 0;
    this.#quality = { latencyMinMs: 1, latencyMaxMs: 30 };
  }
}
