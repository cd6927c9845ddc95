/** One arrival, in the order of arrival. */
export interface Arrival {
  readonly key: string;
  /** What keeps its order: a device and queue and priority, say. */
  readonly lane: string;
}

/** An arrival that came after something of its lane that was sent later. */
export interface OutOfOrder {
  readonly lane: string;
  readonly key: string;
  /** The one sent later that came before it. */
  readonly after: string;
}

/**
 * Finds what did not keep the order of its lane. Keys that arrive again, and keys that the lane does not know, are the
 * ledger's business and passed over.
 */
export function findOutOfOrder(
  lanes: ReadonlyMap<string, readonly string[]>,
  arrivals: Iterable<Arrival>,
): OutOfOrder[] {
  const places = new Map<string, ReadonlyMap<string, number>>();
  for (const [lane, keys] of lanes) places.set(lane, new Map(keys.map((key, index) => [key, index])));
  const furthest = new Map<string, { key: string; index: number }>();
  const seen = new Set<string>();
  const found: OutOfOrder[] = [];
  for (const { lane, key } of arrivals) {
    const index = places.get(lane)?.get(key);
    const name = `${lane}\n${key}`;
    if (index === undefined || seen.has(name)) continue;
    seen.add(name);
    const before = furthest.get(lane);
    if (before !== undefined && index < before.index) found.push({ lane, key, after: before.key });
    else furthest.set(lane, { key, index });
  }
  return found;
}
