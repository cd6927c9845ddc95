import type { SegmentKey } from '../../ports/outbox-store.ts';

/** So many bytes are read at once. */
const STRETCH_BYTES = 1024 * 1024;
/** So many bytes are read in all: a message is beside its time, or it is not here. */
const SEARCH_BYTES = 8 * 1024 * 1024;

/** Neighbouring segments, as indices of the keys: from `start` up to `end`, without that. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
}

/**
 * Where in the log to look for a message whose id was made at `timeMs` by this device's clock: beside the segment that was
 * saved nearest to it, then to both sides in turn. A clock that was set between the two may be off by a little; by how much
 * is bounded in bytes, so that asking for a message that is not here does not read a whole log.
 */
export function* stretchesNear(keys: readonly SegmentKey[], timeMs: number): Generator<Stretch> {
  const distance = (key: SegmentKey): number => Math.abs(key.savedAt - timeMs);
  let nearest: { readonly index: number; readonly distance: number } | undefined;
  for (const [index, key] of keys.entries()) {
    const candidate = { index, distance: distance(key) };
    if (nearest === undefined || candidate.distance <= nearest.distance) nearest = candidate;
  }
  if (nearest === undefined) return;
  let low = nearest.index;
  let high = nearest.index;
  let total = 0;
  while ((low > 0 || high < keys.length) && total < SEARCH_BYTES) {
    for (const direction of ['up', 'down'] as const) {
      const [from, to] = [low, high];
      let bytes = 0;
      while (bytes < STRETCH_BYTES && (direction === 'up' ? high < keys.length : low > 0))
        bytes += (direction === 'up' ? keys[high++] : keys[--low])?.bytes ?? 0;
      total += bytes;
      if (direction === 'up' && high > to) yield { start: to, end: high };
      if (direction === 'down' && low < from) yield { start: low, end: from };
    }
  }
}
