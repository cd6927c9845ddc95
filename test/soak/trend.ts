/** Whether a row of measurements ends flat. */
export interface Trend {
  readonly isFlat: boolean;
  /** The middle of what was measured behind the warm-up. */
  readonly median: number;
  /** By how much it rose over the time behind the warm-up, by the middle of all slopes between two measurements. */
  readonly growth: number;
  /** How sure it is that it rises at all: standard deviations of Mann and Kendall's statistic. */
  readonly sureness: number;
}

/** The first part of a run fills caches and pools, and is left out. */
const WARM_UP = 1 / 3;
/** One-sided, 1 %: so often a row without any trend would look as if it rose. */
const SURE = 2.33;

/**
 * Judges a row of measurements, taken at even distances. It is not flat when it surely rises (Mann–Kendall, 1 %) and has risen
 * by more than is allowed: neither a single high value nor noise of any size is a leak, and a leak that would
 * take years to matter is not looked for.
 */
export function trendOf(values: readonly number[], allowedGrowth: number): Trend {
  const steady = values.slice(Math.floor(values.length * WARM_UP));
  const slopes: number[] = [];
  let rising = 0;
  for (const [later, value] of steady.entries()) {
    for (const [earlier, before] of steady.slice(0, later).entries()) {
      slopes.push((value - before) / (later - earlier));
      rising += Math.sign(value - before);
    }
  }
  const growth = medianOf(slopes) * Math.max(0, steady.length - 1);
  const sureness = (rising - Math.sign(rising)) / deviation(steady);
  return {
    isFlat: !(sureness > SURE && growth > allowedGrowth),
    median: medianOf(steady),
    growth,
    sureness: Number.isFinite(sureness) ? sureness : 0,
  };
}

/** Of Mann and Kendall's statistic, equal values accounted for. */
function deviation(values: readonly number[]): number {
  const term = (count: number): number => count * (count - 1) * (2 * count + 5);
  const ties = new Map<number, number>();
  for (const value of values) ties.set(value, (ties.get(value) ?? 0) + 1);
  const tied = [...ties.values()].reduce((sum, count) => sum + term(count), 0);
  return Math.sqrt((term(values.length) - tied) / 18);
}

function medianOf(values: readonly number[]): number {
  if (values.length === 0) return 0;
  const sorted = values.toSorted((left, right) => left - right);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? 0)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
