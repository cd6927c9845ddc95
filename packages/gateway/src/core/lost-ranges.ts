import { LIMITS, type StreamState } from '@fieldpost/protocol';
import type { LostRange } from '../ports/gateway-store.ts';

/** What an answer tells of a stream's lost ranges. */
export function toldLost(ranges: readonly LostRange[] = []): Pick<StreamState, 'lost'> {
  if (ranges.length === 0) return {};
  return { lost: ranges.slice(0, LIMITS.lostTold).map(({ first, last }) => ({ first, last })) };
}

/** The range that a number is in. */
export function lostRangeOf(ranges: readonly LostRange[], number: number): LostRange | undefined {
  return ranges.find(({ first, last }) => first <= number && number <= last);
}

/** What is left of a range when some of its numbers have turned up. */
export function withoutNumbers(range: LostRange, from: number, to: number): LostRange[] {
  return [
    { ...range, last: from - 1 },
    { ...range, first: to + 1 },
  ].filter(({ first, last }) => first <= last);
}
