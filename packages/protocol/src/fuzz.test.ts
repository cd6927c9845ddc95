import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { downFrames, messages, upFrames } from '../scripts/arbitrary-frames.ts';
import type { Kind } from '../scripts/corpus-case.ts';
import { invalidCases, validCases } from '../scripts/corpus.ts';
import { decodeDown, decodeUp, encodeDown, encodeUp, packFrames, unpackFrames } from './codec.ts';
import { packEntries, unpackEntries } from './entries.ts';
import { ProtocolError } from './errors.ts';
import { LIMITS } from './limits.ts';
import { decodeMessage, decodeProperties, encodeMessage, encodeProperties } from './message.ts';
import { readMessagePack } from './read-messagepack.ts';
import { createRng, type Rng } from './rng.ts';

// `FUZZ_RUNS=1000000 FUZZ_SEED=… vitest run --project unit packages/protocol/src/fuzz.test.ts` goes deeper; a failure
// tells its seed and the bytes.

const runs = Number(process.env['FUZZ_RUNS'] ?? 5000);
const seed = Number(process.env['FUZZ_SEED'] ?? 20_261_123);
const timeoutMs = 60_000 + runs;
/** Processor time, whatever the bytes: far more than the slowest legal frame takes, far less than a hang. */
const slowMs = 2000;

describe('any bytes are read or refused with a protocol error, and quickly', () => {
  test('bytes at random', { timeout: timeoutMs }, () => {
    const rng = createRng(`${seed}/random`);
    for (let run = 0; run < runs; run++) readByAll(rng.bytes(rng.below(64)));
  });

  test('bytes that look like MessagePack', { timeout: timeoutMs }, () => {
    const rng = createRng(`${seed}/shaped`);
    for (let run = 0; run < runs; run++) readByAll(Uint8Array.from(shapedBytes(rng)));
  });

  test('the corpus, mutated', { timeout: timeoutMs }, () => {
    const rng = createRng(`${seed}/mutated`);
    const originals = corpusBytes(16_384);
    const outcomes = { read: 0, refused: 0 };
    for (let run = 0; run < runs; run++) {
      const { kind, bytes } = rng.pick(originals);
      outcomes[readBy(kind, mutated(bytes, rng, originals))]++;
    }
    // Both ways are really taken, else this proves nothing.
    expect(outcomes.read).toBeGreaterThan(runs / 100);
    expect(outcomes.refused).toBeGreaterThan(runs / 10);
  });

  test('every corpus case, cut after each byte', { timeout: 60_000 }, () => {
    for (const { kind, bytes } of corpusBytes(1024)) {
      for (let length = 0; length < bytes.length; length++) readBy(kind, bytes.subarray(0, length));
    }
  });
});

describe('encoding and decoding are inverse', () => {
  const options = { numRuns: Math.ceil(runs / 5), seed };

  test('for frames up', { timeout: timeoutMs }, () => {
    fc.assert(
      fc.property(upFrames, (frame) => {
        expect(decodeUp(encodeUp(frame))).toStrictEqual(frame);
      }),
      options,
    );
  });

  test('for frames down', { timeout: timeoutMs }, () => {
    fc.assert(
      fc.property(downFrames, (frame) => {
        expect(decodeDown(encodeDown(frame))).toStrictEqual(frame);
      }),
      options,
    );
  });

  test('for messages, and in their bytes too', { timeout: timeoutMs }, () => {
    fc.assert(
      fc.property(messages, (message) => {
        const bytes = encodeMessage(message);
        expect(decodeMessage(bytes)).toStrictEqual(message);
        expect(encodeMessage(decodeMessage(bytes))).toStrictEqual(bytes);
      }),
      options,
    );
  });

  test('for entries', { timeout: timeoutMs }, () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 30 }), (entries) => {
        expect(unpackEntries(packEntries(entries), 30)).toEqual(entries);
        expect(unpackFrames(packFrames(entries))).toEqual(entries);
      }),
      options,
    );
  });

  test('for whatever properties a caller makes up: kept whole, or refused', { timeout: timeoutMs }, () => {
    const anything = fc.object({ maxDepth: 2, withBigInt: true, withNullPrototype: true, withDate: true });
    const named = fc.record(
      { headers: anything, label: fc.oneof(fc.string({ unit: 'binary' }), fc.anything()) },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.oneof(anything, named), (made) => {
        const encoded = outcome(() => encodeProperties(made as Parameters<typeof encodeProperties>[0]));
        if (encoded === undefined) return;
        const { headers = {} } = decodeProperties(encoded);
        const given = (made as { headers?: object }).headers ?? {};
        expect(new Map(Object.entries(headers))).toEqual(new Map(Object.entries(given)));
      }),
      options,
    );
  });
});

describe('hostile sizes', () => {
  test('what a few bytes claim costs no memory', { timeout: 60_000 }, () => {
    const claims = [
      'c6ffffffff',
      'dbffffffff',
      'ddffffffff',
      'dfffffffff',
      'dd01ffffff',
      'df00ffffff',
      'c9ffffffff',
    ];
    const before = process.memoryUsage().rss;
    for (const claim of claims) {
      // In an array as well, and many times over: an allocation per claim would end the process.
      const bytes = Buffer.from(`81a474797065${claim}`.padEnd(24, '0'), 'hex');
      for (let round = 0; round < 1000; round++) expect(readBy('up', bytes)).toBe('refused');
      expect(readBy('up', Buffer.from(claim.repeat(100_000), 'hex'))).toBe('refused');
      expect(readBy('frames', Buffer.from(`ffffffff${claim}`, 'hex'))).toBe('refused');
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * 1024 * 1024);
  });

  test('the most expensive frames within the limits are refused in bounded time', { timeout: 60_000 }, () => {
    const fill = (digits: string): Uint8Array => Buffer.alloc(LIMITS.frameBytes, digits, 'hex');
    for (const digits of [
      '80',
      '90',
      'c0',
      'a0',
      '91',
      '81a161',
      'dc0001',
      '81c0',
      'd9ff',
      'c2',
      'e3',
      'f4',
    ]) {
      readBy('up', fill(digits));
    }
    // A long text is read whole before it is found to be none of ours.
    const text = Buffer.concat([Buffer.from('81a474797065db00700000', 'hex'), Buffer.alloc(0x700000, 'é')]);
    expect(readBy('up', text)).toBe('refused');
  });
});

const readers: Readonly<Record<Kind, (bytes: Uint8Array) => unknown>> = {
  up: (bytes) => expectStable(decodeUp(bytes), encodeUp, decodeUp),
  down: (bytes) => expectStable(decodeDown(bytes), encodeDown, decodeDown),
  message: (bytes) => expectStable(decodeMessage(bytes), encodeMessage, decodeMessage),
  frames: unpackFrames,
};

/** What was read says the same after another way out and in. */
function expectStable<Value>(
  value: Value,
  encode: (value: Value) => Uint8Array,
  decode: (bytes: Uint8Array) => Value,
): void {
  expect(decode(encode(value))).toStrictEqual(value);
}

function readBy(kind: Kind, bytes: Uint8Array): 'read' | 'refused' {
  const started = process.threadCpuUsage();
  let result: 'read' | 'refused' = 'read';
  try {
    readers[kind](bytes);
  } catch (thrown) {
    if (!(thrown instanceof ProtocolError)) throw new Error(describeInput(kind, bytes), { cause: thrown });
    expect(thrown.message.length).toBeLessThanOrEqual(LIMITS.detailCharacters);
    result = 'refused';
  }
  const { user, system } = process.threadCpuUsage(started);
  const milliseconds = (user + system) / 1000;
  if (milliseconds > slowMs) throw new Error(`${milliseconds} ms for ${describeInput(kind, bytes)}`);
  return result;
}

function readByAll(bytes: Uint8Array): void {
  for (const kind of ['up', 'down', 'message', 'frames'] as const) readBy(kind, bytes);
  outcome(() => decodeProperties(bytes));
  outcome(() => readMessagePack(bytes, 'malformed-frame'));
}

function outcome<Value>(call: () => Value): Value | undefined {
  try {
    return call();
  } catch (thrown) {
    if (thrown instanceof ProtocolError) return undefined;
    throw thrown;
  }
}

function describeInput(kind: Kind, bytes: Uint8Array): string {
  return `${kind}: ${Buffer.from(bytes.subarray(0, 4096)).toString('hex')}`;
}

interface Original {
  readonly kind: Kind;
  readonly bytes: Uint8Array;
}

function corpusBytes(bytesMax: number): readonly Original[] {
  const valid = validCases.map(({ kind, value, bytes }): Original => {
    if (bytes !== undefined) return { kind, bytes };
    if (kind === 'up') return { kind, bytes: encodeUp(value) };
    if (kind === 'down') return { kind, bytes: encodeDown(value) };
    return { kind, bytes: kind === 'message' ? encodeMessage(value) : packFrames(value) };
  });
  return [...valid, ...invalidCases].filter(({ bytes }) => bytes.length <= bytesMax);
}

/** Bit flips, cuts, copies, insertions, splices with another case: one to four of them. */
function mutated(original: Uint8Array, rng: Rng, others: readonly Original[]): Uint8Array {
  let bytes = Uint8Array.from(original);
  for (let step = 1 + rng.below(4); step > 0; step--) {
    const at = rng.below(bytes.length + 1);
    const length = rng.below(16);
    const rest = bytes.subarray(at);
    const parts: readonly (() => Uint8Array[])[] = [
      () => [Uint8Array.of((rest[0] ?? 0) ^ (1 << rng.below(8))), rest.subarray(1)],
      () => [Uint8Array.of(rng.below(256)), rest.subarray(1)],
      () => [rest.subarray(length)],
      () => [rest.subarray(0, length), rest],
      () => [rng.bytes(length), rest],
      () => [rng.pick(others).bytes.subarray(rng.below(64)).subarray(0, 64), rest],
      () => [],
    ];
    bytes = Uint8Array.from(Buffer.concat([bytes.subarray(0, at), ...rng.pick(parts)()]));
  }
  return bytes;
}

const KEYS = [
  'type',
  'session',
  'number',
  'nonce',
  'runs',
  'streams',
  'epoch',
  'queue',
  '__proto__',
  'label',
  'headers',
];

/** MessagePack by chance: right more often than not, with the words of the protocol. */
function shapedBytes(rng: Rng, depth = 0): Uint8Array {
  const items = (count: number): Uint8Array[] =>
    Array.from({ length: count }, () => shapedBytes(rng, depth + 1));
  const length = rng.below(depth > 4 ? 1 : 5);
  const text = (value: string): Uint8Array =>
    Buffer.concat([Uint8Array.of(0xa0 | value.length), Buffer.from(value)]);
  const shapes: readonly (() => Uint8Array)[] = [
    () => Buffer.concat([Uint8Array.of(0x90 | length), ...items(length)]),
    () =>
      Buffer.concat([
        Uint8Array.of(0x80 | length),
        ...items(length).flatMap((item) => [text(rng.pick(KEYS)), item]),
      ]),
    () => text(rng.pick([...KEYS, 'hello', 'push', 'ack', 'token', 'welcome', 'orders'])),
    () => Buffer.concat([Uint8Array.of(0xc4, 16), rng.bytes(16)]),
    () => Uint8Array.of(rng.below(128)),
    () => Buffer.concat([Uint8Array.of(0xca + rng.below(10)), rng.bytes(8)]),
    () => rng.bytes(1 + rng.below(6)),
  ];
  return rng.pick(shapes)();
}
