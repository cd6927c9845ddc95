import type { StallCode } from '@fieldpost/protocol';

/** What a device hears of a stream whose epoch is retired. It is over; a device that asks all the same may ask seldom. */
export const RETIRED: { readonly code: StallCode; readonly retryAfterMs: number } = {
  code: 'epoch-retired',
  retryAfterMs: 3_600_000,
};
