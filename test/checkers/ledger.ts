/**
 * Compares what should have arrived with what did, as multisets. Each lane is a sequence of keys in the order in which
 * they were sent; the arrivals are keys in any order.
 */
export interface LedgerFindings {
  readonly lost: readonly LostKey[];
  /** Keys that arrived more than once, with how many times too often. */
  readonly duplicated: readonly { readonly key: string; readonly surplus: number }[];
  /** Keys that nobody sent. */
  readonly unexpected: readonly string[];
}

/**
 * Where in its lane a lost key stood: before everything of the lane that arrived (`prefix`: the start was skipped),
 * after everything (`postfix`: the end never went out), or between (`middle`: a hole, the worst kind).
 */
interface LostKey {
  readonly lane: string;
  readonly key: string;
  readonly place: 'prefix' | 'middle' | 'postfix';
}

export function compareLedger(
  lanes: ReadonlyMap<string, readonly string[]>,
  arrivals: Iterable<string>,
): LedgerFindings {
  const surplus = countKeys(arrivals);
  const lost: LostKey[] = [];
  const expected = new Set<string>();
  for (const [lane, keys] of lanes) {
    const missing = keys.map((key) => take(surplus, key) === 'missing');
    for (const key of keys) expected.add(key);
    const first = missing.indexOf(false);
    const last = missing.lastIndexOf(false);
    for (const [index, key] of keys.entries()) {
      if (missing[index] === true) lost.push({ lane, key, place: placeOf(index, first, last) });
    }
  }
  const left = [...surplus].filter(([, count]) => count > 0);
  return {
    lost,
    duplicated: left.filter(([key]) => expected.has(key)).map(([key, count]) => ({ key, surplus: count })),
    unexpected: left.flatMap(([key, count]) =>
      expected.has(key) ? [] : Array.from({ length: count }, () => key),
    ),
  };
}

function countKeys(keys: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

function take(counts: Map<string, number>, key: string): 'there' | 'missing' {
  const count = counts.get(key) ?? 0;
  if (count === 0) return 'missing';
  counts.set(key, count - 1);
  return 'there';
}

/** Where nothing of a lane arrived, all of it is a postfix. */
function placeOf(index: number, first: number, last: number): LostKey['place'] {
  if (first === -1 || index > last) return 'postfix';
  return index < first ? 'prefix' : 'middle';
}
