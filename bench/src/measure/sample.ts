/** Repeated measurements of one thing. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Median, least and greatest. */
export function spread(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError('a spread of no values');
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  const lower = sorted[middle - 1] ?? upper;
  return {
    median: sorted.length % 2 === 1 ? upper : (lower + upper) / 2,
    min: sorted[0] ?? Number.NaN,
    max: sorted.at(-1) ?? Number.NaN,
  };
}

export type Unit = 'messages/s' | 'ms' | 's' | 'bytes/message';

/** What an answer of a server survives: SQLite's FULL and `flushed` a power cut, the other loses up to a second. */
export type ServerDurability = 'FULL' | 'flushed' | 'flushed every second';

/** One line of the table: what one contestant did in one scenario. */
export interface Row {
  readonly scenario: string;
  readonly contestant: string;
  /** What distinguishes rows of one contestant in one scenario, such as the number of devices. */
  readonly variant: string;
  /** How it was set for this, where it had the choice. */
  readonly note?: string;
  readonly messages: number;
  readonly unit: Unit;
  /** One for each repetition, in the order of the run. */
  readonly values: readonly number[];
  readonly device: 'strict' | 'relaxed' | '–';
  readonly server: ServerDurability | '–';
}

/** Messages per second of a duration. */
export function perSecond(messages: number, durationMs: number): number {
  return (messages * 1000) / durationMs;
}
