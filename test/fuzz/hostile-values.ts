import type { Rng } from '@fieldpost/protocol';

const TEXTS = [
  '',
  'orders',
  '__proto__',
  'constructor',
  '../../etc',
  '%2F',
  '//',
  '*',
  'a*',
  '>',
  '#',
  'sys.dead-letter',
  'a;dead-letter',
  'NaN',
  '0',
  '-1',
  '1e99',
  'true',
  'null',
  '\u0000',
  '\uD800',
  '\u202E',
  '\r\n',
  '\u001B[2J',
  '<script>',
  '01890000-0000-7000-8000-000000000001',
  '00000000000000000000000000000001',
  'x'.repeat(300),
] as const;

const NUMBERS = [
  0,
  -0,
  1,
  -1,
  1.5,
  7,
  8,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  2 ** 63,
  -(2 ** 53),
  1e308,
  NaN,
  Infinity,
] as const;

/** A text that somebody may not have thought of. */
export function hostileText(rng: Rng): string {
  if (rng.chance(0.7)) return rng.pick(TEXTS);
  return String.fromCharCode(...Array.from({ length: rng.below(40) }, () => rng.below(0x10000)));
}

export function hostileNumber(rng: Rng): number {
  return rng.chance(0.7) ? rng.pick(NUMBERS) : Math.floor((rng.next() - 0.5) * 2 ** (rng.below(60) + 1));
}

/** Any value that JSON can carry, with the names of the place it goes to among its keys. */
export function hostileJson(rng: Rng, names: readonly string[], depth = 0): unknown {
  const deeper = (): unknown => hostileJson(rng, names, depth + 1);
  const kinds: readonly (() => unknown)[] = [
    () => hostileText(rng),
    () => hostileNumber(rng),
    () => rng.chance(0.5),
    () => null,
    () => Array.from({ length: rng.below(4) }, deeper),
    () => Object.fromEntries(Array.from({ length: rng.below(5) }, () => [rng.pick(names), deeper()])),
  ];
  return rng.pick(depth > 3 ? kinds.slice(0, 4) : kinds)();
}

/** Some characters of a text changed, removed, doubled. */
export function mutatedText(text: string, rng: Rng): string {
  let mutated = text;
  for (let step = 1 + rng.below(3); step > 0; step--) {
    const at = rng.below(mutated.length + 1);
    const length = rng.below(8);
    const parts: readonly (() => string)[] = [
      () => mutated.slice(0, at) + mutated.slice(at + length),
      () => mutated.slice(0, at + length) + mutated.slice(at),
      () => mutated.slice(0, at) + hostileText(rng) + mutated.slice(at),
      () => mutated.slice(0, at) + String.fromCharCode(rng.below(256)) + mutated.slice(at + 1),
    ];
    mutated = rng.pick(parts)();
  }
  return mutated;
}

/** Some bits and bytes changed, removed, doubled. */
export function mutatedBytes(bytes: Uint8Array, rng: Rng): Uint8Array {
  let mutated: Uint8Array = Uint8Array.from(bytes);
  for (let step = 1 + rng.below(3); step > 0; step--) {
    const at = rng.below(mutated.length + 1);
    const length = rng.below(12);
    const rest = mutated.subarray(at);
    const parts: readonly (() => Uint8Array[])[] = [
      () => [Uint8Array.of((rest[0] ?? 0) ^ (1 << rng.below(8))), rest.subarray(1)],
      () => [rest.subarray(length)],
      () => [rest.subarray(0, length), rest],
      () => [rng.bytes(length), rest],
    ];
    mutated = Uint8Array.from(Buffer.concat([mutated.subarray(0, at), ...rng.pick(parts)()]));
  }
  return mutated;
}
