export declare const instantBrand: unique symbol;

/** Milliseconds on some clock of one process. Two instants compare only if one clock gave both. */
export type Instant = number & { readonly [instantBrand]: true };

/** Marks a clock reading in milliseconds as an {@link Instant}. */
export function instant(milliseconds: number): Instant {
  return milliseconds as Instant;
}

/** The instant `milliseconds` after `from`. */
export function later(from: Instant, milliseconds: number): Instant {
  return (from + milliseconds) as Instant;
}

/** Milliseconds, or a whole or decimal number with a unit: `250ms`, `20s`, `1.5m`, `8h`, `7d`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** The milliseconds of a {@link Duration}, rounded; undefined when it is not one, negative or beyond 2^53. */
export function parseDuration(duration: unknown): number | undefined {
  if (typeof duration === 'number') return duration >= 0 ? wholeMilliseconds(duration) : undefined;
  if (typeof duration !== 'string') return undefined;
  const match = /^(\d{1,15}(?:\.\d{1,6})?)(ms|s|m|h|d)$/.exec(duration);
  const unitMs = UNIT_MS[match?.[2] ?? ''];
  if (match?.[1] === undefined || unitMs === undefined) return undefined;
  return wholeMilliseconds(Number(match[1]) * unitMs);
}

function wholeMilliseconds(duration: number): number | undefined {
  const milliseconds = Math.round(duration);
  return Number.isSafeInteger(milliseconds) ? milliseconds : undefined;
}
