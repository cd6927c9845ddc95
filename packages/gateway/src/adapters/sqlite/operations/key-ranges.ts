/** Stretches of neighbouring keys. Consumers mostly settle what lies side by side, which is then one range. */
export function keyRanges(keys: Iterable<number>): (readonly [first: number, last: number])[] {
  const ranges: [number, number][] = [];
  for (const key of [...keys].sort((left, right) => left - right)) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] + 1 === key) last[1] = key;
    else ranges.push([key, key]);
  }
  return ranges;
}
